// The calls under /v1; the only file that talks to the server.

const STILL_HERE = "What you corrected is still on this page.";
const given = new URLSearchParams(location.hash.slice(1)).get("token");
const token = given ?? sessionStorage.getItem("token");
if (token) {
  sessionStorage.setItem("token", token);
  // Out of the address, which people copy and browsers remember.
  history.replaceState(null, "", location.pathname);
}

async function call(path, options = {}) {
  const response = await answered(path, options);
  let answer;
  try {
    answer = await response.json();
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw unclear(response);
  }
  if (response.status === 401) throw noToken();
  if (!response.ok && !answer?.error?.message) throw unclear(response);
  if (!response.ok) {
    const { code, message, remedy } = answer.error;
    throw Object.assign(new Error([message, remedy].filter(Boolean).join(": ")), { code });
  }
  return answer;
}

async function answered(path, options) {
  const headers = token ? { Authorization: `Bearer ${token}` } : {};
  try {
    return await fetch(`v1/${path}`, { ...options, headers });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Error(`The server does not answer. Is it still running? ${STILL_HERE}`);
  }
}

const noToken = () => new Error(
  "This page has no token, or a wrong one: open it by the address that the server printed " +
  "when it started, with #token=… at its end.",
);
const unclear = ({ status }) => new Error(
  `The server, or a proxy before it, answered ${status} and no more: try again. ${STILL_HERE}`,
);

function form(fields) {
  const data = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    for (const each of [value].flat()) {
      // A picture goes without its file's name: names may be a patient's.
      data.append(name, each, ...(each instanceof Blob ? [name] : []));
    }
  }
  return data;
}

// A picture is a file, or { reference } where it lies in an archive.
export const source = (image) =>
  image.reference === undefined ? { image } : { reference: image.reference };

export const models = () => call("models");
export const kept = (image) => call(image ? `kept?image=${image}` : "kept");
export const keep = (fields) => call("keep", { method: "POST", body: form(fields) });
export const opposite = (prompt) =>
  call("opposite", { method: "POST", body: form({ prompt }) });
export const picture = (image) =>
  call("picture", { method: "POST", body: form(source(image)) });
export const readMask = (mask) => call("mask", { method: "POST", body: form({ mask }) });
export const review = (fields) => call("review", { method: "POST", body: form(fields) });
export const reviews = (keys) => call(`reviews?${keys.map((key) => `key=${key}`).join("&")}`);
export const agreement = () => call("agreement");
export async function dicomSeg(image, fields) {
  const options = { method: "POST", body: form({ ...source(image), ...fields }) };
  const response = await answered("dicom-seg", options);
  return response.ok ? response.blob() : call("dicom-seg", options);  // which says why not
}
export async function exported(formats, withNames) {
  const wanted = formats.map((format) => `format=${format}`).join("&");
  const path = `export?${wanted}&names=${withNames}`;
  const response = await answered(path, {});
  return response.ok ? response.blob() : call(path);  // which says why not
}
export const takeBack = (fields) => call("take-back", { method: "POST", body: form(fields) });
export const segment = (image, fields, signal) =>
  call("segment", { method: "POST", body: form({ ...source(image), ...fields }), signal });

export async function greys(png) {
  // A grey PNG in base64 → its values, one byte a pixel.
  const bitmap = await bitmapOf(png);
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d", { willReadFrequently: true });
  context.drawImage(bitmap, 0, 0);
  const colours = context.getImageData(0, 0, bitmap.width, bitmap.height).data;
  // By hand: Uint8Array.from takes ten times as long, which a photograph shows.
  const values = new Uint8Array(colours.length / 4);
  for (let i = 0; i < values.length; i++) values[i] = colours[4 * i];
  return values;
}

export async function bitmapOf(png) {
  const bytes = Uint8Array.from(atob(png), (character) => character.charCodeAt(0));
  return createImageBitmap(new Blob([bytes], { type: "image/png" }));
}
