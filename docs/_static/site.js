// Tables of text become a list of rows where the page is narrow, and pictures open in their full size.
for (const table of document.querySelectorAll("article table.docutils")) {
  const titles = [...table.querySelectorAll("thead th")].map((title) => title.textContent.trim());
  const cells = [...table.querySelectorAll("tbody td")];
  const longest = Math.max(...cells.map((cell) => cell.textContent.length));
  if (titles.length > 2 || longest > 60) table.classList.add("stacks");
  if (titles.length > 3 && longest > 120) table.classList.add("long-text");
  for (const cell of cells) {
    cell.dataset.title = titles.length > 2 ? titles[cell.cellIndex] : "";
    if (cell.textContent.trim().length < 12) cell.classList.add("short");
    if (!cell.textContent.trim()) cell.classList.add("empty");
  }
}
for (const picture of document.querySelectorAll("article img")) {
  if (picture.closest("a")) continue;
  const link = document.createElement("a");
  Object.assign(link, { href: picture.src, title: "Open the picture", className: "picture" });
  picture.replaceWith(link);
  link.append(picture);
}
