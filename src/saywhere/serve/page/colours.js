// As many colours as labels (16), told apart by the colour-blind too.

// The first seven are Okabe and Ito's (2008), the light ones first: they show on films. Cyan first: it
// is rare in mucosa, skin and X-ray. Of the others each was the one, of those that are bright enough
// to be seen on a film, that lies farthest from all before it, for usual and for colour-blind eyes.
const COLOURS = [
  [86, 180, 233], [230, 159, 0], [204, 121, 167], [240, 228, 66],
  [0, 158, 115], [213, 94, 0], [0, 114, 178], [135, 0, 240],
  [195, 255, 165], [0, 255, 210], [135, 75, 45], [150, 120, 255],
  [150, 180, 90], [165, 45, 120], [90, 75, 195], [135, 240, 105],
];

// A call takes no more prompts than there are colours.
export const colourOf = (number) => COLOURS[number % COLOURS.length];
