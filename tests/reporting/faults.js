// What a reader would trip over in the page that is shown, as sentences; none where all is well.
// Told apart: the page scrolls sideways; words of a picture are cut, lie on each other, or are too small; colours of
// words are too near to what lies behind them; a picture has no name.
(() => {
  const SMALLEST = 11, CONTRAST = 4.5;
  const found = [];
  const said = (one) => JSON.stringify(one.textContent.trim().slice(0, 40));

  function parsed(colour) {  // rgb(…), rgba(…) and color(srgb …), as red, green, blue of 255 and opacity
    const numbers = (colour.match(/[\d.]+(e-?\d+)?/g) || []).map(Number);
    if (!numbers.length) return [0, 0, 0, 0];
    const scale = colour.startsWith("color(") ? 255 : 1;
    return [...numbers.slice(0, 3).map((one) => one * scale), numbers.length > 3 ? numbers[3] : 1];
  }
  const over = (top, below) => below.slice(0, 3).map((one, i) => top[3] * top[i] + (1 - top[3]) * one);
  function luminance(colour) {  // WCAG 2.2
    const [r, g, b] = colour.map((one) => one / 255)
      .map((one) => (one <= 0.04045 ? one / 12.92 : ((one + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  }
  function contrast(one, other) {
    const [low, high] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (high + 0.05) / (low + 0.05);
  }
  // A place that is not inside of a folded part and has words of its own.
  const visible = (one) => one.checkVisibility() && one.getClientRects().length > 0;

  function behind(element) {  // what is painted below an element of a page
    const layers = [];
    for (let at = element; at; at = at.parentElement) {
      const colour = parsed(getComputedStyle(at).backgroundColor);
      layers.push(colour);
      if (colour[3] === 1) break;
    }
    const forced = getComputedStyle(document.documentElement).colorScheme === "light";
    const dark = matchMedia("(prefers-color-scheme: dark)").matches && !forced;
    const canvas = dark ? [18, 18, 18] : [255, 255, 255];
    return layers.reverse().reduce((below, layer) => over(layer, below), canvas);
  }
  function below(svg, text, box) {  // what is painted below words of a picture: shapes, then the page
    const shapes = document.elementsFromPoint(box.x + box.width / 2, box.y + box.height / 2)
      .filter((one) => svg.contains(one) && one !== svg && one.tagName !== "text" && one.tagName !== "line")
      .filter((one) => one.compareDocumentPosition(text) & Node.DOCUMENT_POSITION_FOLLOWING);
    return shapes.reverse().reduce((paint, one) => {
      const style = getComputedStyle(one);
      const fill = parsed(style.fill);
      fill[3] *= Number(style.fillOpacity) * Number(style.opacity);
      return style.fill === "none" ? paint : over(fill, paint);
    }, behind(svg));
  }
  function judged(name, colour, paint) {
    const ratio = contrast(over(colour, paint), paint);
    if (ratio < CONTRAST) found.push(`contrast of ${name} is ${ratio.toFixed(2)}`);
  }

  const page = document.documentElement;
  const wide = page.clientWidth;
  if (page.scrollWidth > wide) found.push(`the page scrolls sideways: ${page.scrollWidth} of ${wide}`);

  for (const svg of document.querySelectorAll("svg")) {
    if (!visible(svg)) continue;
    const named = svg.querySelector(":scope > title")?.textContent.trim();
    if (svg.getAttribute("aria-hidden") !== "true" && !(svg.getAttribute("role") === "img" && named))
      found.push("a picture has no name");
    const frame = svg.getBoundingClientRect();
    const texts = [...svg.querySelectorAll("text")].filter((one) => one.textContent.trim()).map((one) => {
      const rect = one.getBoundingClientRect();
      const size = parseFloat(getComputedStyle(one).fontSize) * svg.getScreenCTM().a;
      const middle = rect.y + rect.height / 2;  // the box of a font is taller than its letters
      return { one, size, x: rect.x, y: middle - 0.4 * size, width: rect.width, height: 0.8 * size };
    });
    texts.forEach((box, index) => {
      const { one } = box;
      if (box.size < SMALLEST) found.push(`${said(one)} is ${box.size.toFixed(1)} pixels tall`);
      if (box.x < frame.x - 1 || box.x + box.width > frame.right + 1 || box.y < frame.y - 1
        || box.y + box.height > frame.bottom + 1) found.push(`${said(one)} is cut by the edge of its picture`);
      for (const other of texts.slice(0, index)) {
        const wide = Math.min(box.x + box.width, other.x + other.width) - Math.max(box.x, other.x);
        const tall = Math.min(box.y + box.height, other.y + other.height) - Math.max(box.y, other.y);
        if (wide > 1 && tall > 1) found.push(`${said(one)} lies on ${said(other.one)}`);
      }
      judged(said(one), parsed(getComputedStyle(one).fill), below(svg, one, box));
    });
  }

  const words = document.createTreeWalker(page, NodeFilter.SHOW_TEXT);
  const seen = new Set();
  while (words.nextNode()) {
    const element = words.currentNode.parentElement;
    if (!words.currentNode.textContent.trim() || seen.has(element) || element.closest("svg") || !visible(element)) continue;
    seen.add(element);
    judged(said(element), parsed(getComputedStyle(element).color), behind(element));
    const box = element.getBoundingClientRect();
    if (box.right > wide + 1 && !element.closest(".scroll")) found.push(`${said(element)} is beyond the edge`);
  }
  return found;
})()
