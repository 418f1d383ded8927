// As many colours as labels, told apart by the colour-blind too.

// Okabe and Ito (2008), the light ones first: they show on films. Cyan first: it is rare in mucosa,
// skin and X-ray.
const OKABE_ITO = [
  [86, 180, 233], [230, 159, 0], [204, 121, 167], [240, 228, 66],
  [0, 158, 115], [213, 94, 0], [0, 114, 178],
];
const TURN = 137.508;  // degrees: the golden angle, so that neighbours lie far apart

export function colourOf(number) {
  if (number < OKABE_ITO.length) return OKABE_ITO[number];
  const n = number - OKABE_ITO.length;
  // Lightness alternates as well: hue alone is lost to a colour-blind eye.
  return fromHsl((n * TURN + 20) % 360, 0.75, n % 2 ? 0.42 : 0.72);
}

function fromHsl(hue, saturation, lightness) {
  const reach = saturation * Math.min(lightness, 1 - lightness);
  const channel = (n) => {
    const k = (n + hue / 30) % 12;
    return Math.round(255 * (lightness - reach * Math.max(-1, Math.min(k - 3, 9 - k, 1))));
  };
  return [channel(0), channel(8), channel(4)];
}
