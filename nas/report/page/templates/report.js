"use strict";
(() => {
  const root = document.documentElement;
  const toggle = document.getElementById("theme");
  const isDark = () =>
    root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.classList.add("js");
  toggle.hidden = false;
  toggle.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; });

  for (const table of document.querySelectorAll("table.sortable")) {
    const heads = [...table.tHead.rows[0].cells];
    heads.forEach((head, column) => {
      const button = document.createElement("button");
      button.type = "button";
      button.append(...head.childNodes);
      head.append(button);
      button.addEventListener("click", () => {
        // numbers start with the largest, names with A
        const numeric = [...table.tBodies[0].rows].some((r) => r.cells[column].dataset.value);
        const now = head.getAttribute("aria-sort");
        const up = now ? now === "descending" : !numeric;
        heads.forEach((h) => h.removeAttribute("aria-sort"));
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        const key = (row) => {
          const cell = row.cells[column];
          return numeric ? (cell.dataset.value ? Number(cell.dataset.value) : null) : cell.textContent.trim();
        };
        const rows = [...table.tBodies[0].rows].sort((a, b) => {
          const x = key(a), y = key(b);
          if (x === null || y === null) return (x === null) - (y === null); // unknown stays last
          const order = numeric ? x - y : x.localeCompare(y);
          return up ? order : -order;
        });
        table.tBodies[0].append(...rows);
      });
    });
  }

  for (const viewer of document.querySelectorAll(".viewer")) {
    const [scene, left, right] = viewer.querySelectorAll("select");
    const stage = viewer.querySelector(".stage");
    const [under, over] = stage.querySelectorAll("img");
    const tags = stage.querySelectorAll(".tag");
    const store = [...viewer.querySelectorAll(".store img")];
    const versions = () => store.filter((i) => i.dataset.scene === scene.value);
    const put = (target, tag, name) => {
      const all = versions();
      const found = all.find((i) => i.dataset.version === name) || all[0];
      const width = Math.max(...all.map((i) => Number(i.getAttribute("width"))));
      const biggest = all.find((i) => Number(i.getAttribute("width")) === width);
      stage.style.aspectRatio = `${width} / ${biggest.getAttribute("height")}`;
      stage.style.width = `${Math.max(width, 640)}px`;
      target.src = found.src;
      target.alt = `${found.dataset.version} of this picture`;
      target.classList.toggle("small", Number(found.getAttribute("width")) < 640);
      tag.textContent = found.dataset.version;
    };
    const show = () => { put(over, tags[0], left.value); put(under, tags[1], right.value); };
    const fill = () => {
      const names = versions().map((i) => i.dataset.version);
      [left, right].forEach((select, index) => {
        const kept = select.value || select.dataset.first;
        select.replaceChildren(...names.map((n) => new Option(n, n)));
        select.value = names.includes(kept) ? kept : names[index ? names.length - 1 : 0];
      });
      show();
    };
    scene.addEventListener("change", fill);
    left.addEventListener("change", show);
    right.addEventListener("change", show);
    const range = stage.querySelector("input");
    range.addEventListener("input", () => stage.style.setProperty("--cut", `${range.value}%`));
    viewer.hidden = false;
    fill();
  }

  for (const image of document.querySelectorAll("figure img")) {
    image.addEventListener("click", () => image.closest("figure").classList.toggle("zoomed"));
  }

  const reveal = () => {
    const target = location.hash && document.getElementById(location.hash.slice(1));
    let fold = target && target.closest("details");
    if (!fold) return;
    for (; fold; fold = fold.parentElement.closest("details")) fold.open = true;
    target.scrollIntoView({ block: "center" });
  };
  addEventListener("hashchange", reveal);
  reveal();
})();
