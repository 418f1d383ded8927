// A second look at what was kept, how far readers agree, and all of it as a zip.

import { maskPng } from "./png.js";
import * as service from "./service.js";
import { at, element, fileNow, labelNow, show, state, tell, whenChanged } from "./state.js";

const VERDICTS = { accepted: "accepted", rejected: "rejected", "open-again": "open" };  // by button
const reviews = new Map();  // key of a row → its newest review
const asked = new Set();

whenChanged(() => {
  const row = labelNow()?.row;
  for (const id of Object.keys(VERDICTS)) at(id).disabled = !row;
  at("comment").disabled = !row;
  at("verdict").textContent = row ? verdictOf(row) : "Nothing is kept for this label yet.";
  at("export").disabled = !state.keeps;
  at("dicom-seg").disabled = !state.labels.length;
  at("agree").disabled = !state.keeps;
  if (row && !asked.has(row.key)) look(row.key);
});

function verdictOf(row) {
  const by = row.who ? `Kept by ${row.who}; ` : "";
  const review = reviews.get(row.key);
  if (!review || review.verdict === "open") return `${by}not reviewed`;
  const comment = review.comment ? `: ${review.comment}` : "";
  const when = new Date(review.when).toLocaleString();
  return `${by}${review.verdict} by ${review.who || "someone"}, ${when}${comment}`;
}

async function look(key) {
  asked.add(key);
  try {
    for (const review of (await service.reviews([key])).reviews) reviews.set(review.key, review);
    show();
  } catch (error) { tell(error.message); }
}

async function judge(verdict) {
  const key = labelNow()?.row?.key;
  if (!key) return;
  try {
    const fields = { key, verdict, comment: at("comment").value, who: at("who").value };
    reviews.set(key, await service.review(fields));
    at("comment").value = "";
    show();
  } catch (error) { tell(`Not written: ${error.message}`); }
}

async function agree() {
  try {
    const { pairs } = await service.agreement();
    const rows = pairs.map(({ prompt, readers, dice, source }) => line("td", [
      prompt || "(no words)", readers.map((who) => who || "someone").join(" and "),
      dice === null ? "other sizes" : dice.toFixed(3), source.slice(0, 8),
    ]));
    const head = line("th", ["Words", "Readers", "Dice", "Picture"]);
    at("agreement").replaceChildren(...(pairs.length ? [head, ...rows] : [none()]));
  } catch (error) { tell(error.message); }
}

const none = () => line("td", ["No picture has two masks for the same words yet."]);

function line(kind, texts) {
  const row = element("tr", "");
  row.append(...texts.map((text) => element(kind, "", text)));
  return row;
}

async function download() {
  const formats = ["coco", "yolo", "nifti"].filter((name) => at(`export-${name}`).checked);
  try {
    const zip = await service.exported(["png", ...formats], at("export-names").checked);
    save(zip, "saywhere-masks.zip");
  } catch (error) { tell(`Not exported: ${error.message}`); }
}

async function downloadSeg() {
  // Of the file that is open here, with the masks as they are now: the server keeps no DICOM.
  const { labels } = state;
  const [{ model, width, height }] = labels;
  try {
    const fields = {
      prompt: labels.map(({ prompt }) => prompt), model,
      mask: await Promise.all(labels.map(({ mask }) => maskPng(mask, width, height))),
    };
    save(await service.dicomSeg(fileNow(), fields), "saywhere-seg.dcm");
  } catch (error) { tell(`Not written: ${error.message}`); }
}

function save(blob, name) {
  const link = element("a", "");
  link.href = URL.createObjectURL(blob);
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 10_000);
}

// ---- a mask that was made elsewhere

async function bring(file) {
  const label = labelNow();
  if (!label || !file) return;
  try {
    const mask = await maskOf(file);
    if (mask.length !== label.mask.length || mask.width !== label.width) {
      throw new Error(
        `The mask has ${mask.width} × ${mask.height} pixels; the picture has ` +
        `${label.width} × ${label.height}.`,
      );
    }
    label.become(mask.values);
    tell("");
  } catch (error) { tell(`Not taken over: ${error.message}`); }
  show();
}

async function maskOf(file) {
  // By the service, which refuses label maps and soft edges by name.
  const { mask_png: png } = await service.readMask(file);
  const bitmap = await service.bitmapOf(png);
  const values = (await service.greys(png)).map((value) => (value ? 1 : 0));
  return { values, length: values.length, width: bitmap.width, height: bitmap.height };
}

for (const [id, verdict] of Object.entries(VERDICTS)) {
  at(id).addEventListener("click", () => judge(verdict));
}
at("agree").addEventListener("click", agree);
at("export").addEventListener("click", download);
at("dicom-seg").addEventListener("click", downloadSeg);
at("import").addEventListener("change", (event) => {
  bring(event.target.files[0]);
  event.target.value = "";
});
