// Which files are pictures, what is in them, and who can read them: the browser or the server.

import { pictureOfBitmap, Picture } from "./picture.js";
import * as service from "./service.js";
import { state } from "./state.js";

const DEEP = 16;  // bits of a sample
const megabytes = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`;
const tooLarge = (what, size, most) =>
  new Error(`This ${what} has ${size}; at most ${most} are taken: make the image smaller.`);

export async function isPicture(file) {
  if (/\.(png|jpe?g|tiff?|bmp|gif|webp|dcm|nii|nii\.gz)$/i.test(file.name)) return true;
  // Archives name DICOM files as they like: what counts is the mark behind the preamble.
  try {
    return await file.slice(128, 132).text() === "DICM";
  } catch {
    return false;  // a folder that was dropped
  }
}

export async function pictureOf(file) {
  if (file.reference) return pictureByServer(file);
  const most = state.limits?.file_bytes;
  // A server that refuses so much hangs up, and a browser cannot read why.
  if (file.size > most) throw tooLarge("file", megabytes(file.size), megabytes(most));
  let bitmap;
  try {
    if (await isDeepPng(file)) return await pictureByServer(file);
    // Upright, as the service reads it.
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    return pictureByServer(file);  // a TIFF, or of a clinic
  }
  const { width, height } = bitmap;
  const limit = state.limits?.pixels;
  if (width * height > limit) {
    throw tooLarge("picture", `${width} × ${height} pixels`, limit.toLocaleString("en"));
  }
  return pictureOfBitmap(bitmap);
}

async function isDeepPng(file) {
  // A browser shows the upper 8 of 16 bits: too little to choose a window in.
  const head = new Uint8Array(await file.slice(0, 25).arrayBuffer());
  return head[1] === 0x50 && head[2] === 0x4e && head[24] === DEEP;
}

async function pictureByServer(file) {
  const answer = await service.picture(file);
  if (answer.image_png) {
    const picture = pictureOfBitmap(await service.bitmapOf(answer.image_png));
    return Object.assign(picture, { orientation: answer.orientation });
  }
  const [height, width] = answer.size;
  const [upper, lower] = await Promise.all([answer.upper_png, answer.lower_png].map(service.greys));
  const values = new Uint16Array(width * height);
  for (let i = 0; i < values.length; i++) values[i] = (upper[i] << 8) | lower[i];
  const { offset, step, orientation } = answer;
  const inValues = ({ name, low, high }) => {
    // A negative step turns the two round.
    const ends = [(low - offset) / step, (high - offset) / step].sort((a, b) => a - b);
    return { name, low: ends[0], high: ends[1] };
  };
  const windows = answer.windows.map(inValues);
  return new Picture({ width, height, values, offset, step, orientation, windows, isDeep: true });
}

export async function digestOf(file) {
  // A browser gives digests on loopback and over HTTPS only.
  if (!crypto.subtle) return "";
  try {
    return hexadecimal(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
  } catch {
    return "";  // a file that cannot be read is none
  }
}

export const hexadecimal = (bytes) =>
  [...new Uint8Array(bytes)].map((byte) => byte.toString(16).padStart(2, "0")).join("");

export const nameOf = (file) => file.reference ?? file.name;
