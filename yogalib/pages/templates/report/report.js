// Every number opens its pictures, and a figure its enlarged self. What the page needs it holds: nothing is asked of any server.
"use strict";
(() => {
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };

  const runs = {};
  for (const block of document.querySelectorAll("script.answers")) {
    runs[block.dataset.run] = block;
  }
  const answersOf = (run) => {
    if (runs[run] instanceof Element) runs[run] = JSON.parse(runs[run].textContent);  // only when somebody asks
    return runs[run];
  };

  // the one dialog: Escape closes it, and the browser puts the focus back
  const heading = make("h2", { id: "dialog-heading" });
  const close = make("button", { type: "button", class: "close" }, "Close");
  const tools = make("p", { class: "tools" });
  const body = make("div", { class: "body", tabindex: "0", role: "region", "aria-labelledby": "dialog-heading" });
  const dialog = make("dialog", { "aria-labelledby": "dialog-heading" }, make("header", {}, heading, close), tools, body);
  document.body.append(dialog);
  close.addEventListener("click", () => dialog.close());
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
  dialog.addEventListener("close", () => body.replaceChildren());
  const open = (title, controls, ...content) => {
    heading.textContent = title;
    tools.replaceChildren(...controls);
    body.replaceChildren(...content);
    dialog.showModal();
    body.scrollTop = 0;
  };

  // a picture, its true pose and the five answers
  const named = ([sanskrit, english]) => (sanskrit.toLowerCase() === english.toLowerCase() ? sanskrit : `${sanskrit} (${english})`);
  const percent = (permille) => `${(permille / 10).toFixed(1)} %`;
  const card = (poses, { path, digest, column, row, truth, told, right }) => {
    const picture = column < 0
      ? make("span", { class: "tile absent" }, path, make("br"), `sha256 ${digest}…`)
      : make("span", { class: "tile", role: "img", "aria-label": `test picture ${path}`, title: `${path}, sha256 ${digest}…` });
    picture.style.setProperty("--column", column);
    picture.style.setProperty("--row", row);
    const answers = told.map(([pose, permille]) =>
      make("li", pose === truth ? { class: "true" } : {}, make("meter", { value: permille, max: 1000, "aria-hidden": "true" }),
        ` ${percent(permille)} ${named(poses[pose])}`));
    const said = told.length ? make("ol", {}, ...answers) : make("p", {}, "No answer: nobody was found.");
    const mark = make("b", {}, right ? "✓ right" : "✗ wrong");
    const truly = make("p", {}, mark, ` True pose: ${named(poses[truth])}`);
    return make("article", { class: right ? "right" : "wrong" }, picture, make("div", {}, truly, said));
  };

  const choice = (label, options) => {
    const select = make("select", {}, ...options.map((option) => make("option", {}, option)));
    return [select, make("label", {}, `${label} `, select)];
  };

  const show = ({ run, places, what }) => {
    const { model, poses, pictures } = answersOf(run);
    const cards = places.split(" ").map((place) => {
      const [path, digest, column, row, truth, flat] = pictures[place];
      const told = flat.flatMap((pose, at) => (at % 2 ? [] : [[pose, flat[at + 1]]]));
      return { path, digest, column, row, truth, told, right: told.length > 0 && told[0][0] === truth, sure: told.length ? told[0][1] : -1 };
    });
    const count = { right: cards.filter((each) => each.right).length };
    count.wrong = cards.length - count.right;
    const [which, whichLabel] = choice("Show", ["all", "right", "wrong"]);
    const [order, orderLabel] = choice("Sort", ["most sure first", "least sure first"]);
    const list = make("div", { class: "cards" });
    const fill = () => {
      const wanted = cards.filter((each) => which.value === "all" || each.right === (which.value === "right"));
      wanted.sort((one, other) => (order.selectedIndex ? one.sure - other.sure : other.sure - one.sure));
      list.replaceChildren(...wanted.map((each) => card(poses, each)));
    };
    which.addEventListener("change", fill);
    order.addEventListener("change", fill);
    fill();
    const sum = `${cards.length} test ${cards.length === 1 ? "picture" : "pictures"}: pose named right in ${count.right}, wrong in ${count.wrong}, by ${model}. `;
    open(what, [sum, whichLabel, " ", orderLabel], list);
  };

  for (const cell of document.querySelectorAll("span.opens")) {
    const number = cell.textContent;
    const button = make("button", { type: "button", class: "opens", "aria-haspopup": "dialog",
      "aria-label": `${number}, ${cell.dataset.what}` }, number);
    button.addEventListener("click", () => show(cell.dataset));
    cell.replaceChildren(button);
  }
  for (const figure of document.querySelectorAll("figure.table, details.table")) {
    const caption = figure.querySelector("figcaption, summary");
    if (figure.querySelector("span.opens")) caption.append(make("span", { class: "hint" }, " A number opens its pictures."));
  }

  for (const image of document.querySelectorAll("figure.picture img")) {
    const caption = image.closest("figure").querySelector("figcaption");
    const title = caption.textContent;
    const button = make("button", { type: "button", class: "enlarge", "aria-haspopup": "dialog" }, "enlarge");
    const enlarge = () => open(title, [], make("img", { src: image.src, alt: image.alt, width: image.naturalWidth, height: image.naturalHeight }));
    button.setAttribute("aria-label", `enlarge: ${title}`);
    button.addEventListener("click", enlarge);
    image.addEventListener("click", enlarge);
    caption.append(" ", button);
  }

  // say where a table or a figure is wider than its place
  const wider = new ResizeObserver((entries) => {
    for (const { target } of entries) target.classList.toggle("wider", target.scrollWidth > target.clientWidth + 1);
  });
  for (const wide of document.querySelectorAll(".wide")) wider.observe(wide);
})();
