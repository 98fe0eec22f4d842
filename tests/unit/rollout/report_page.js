// Measures the report's page, once it is loaded, for test_report_page.py: what a reader sees of it, and what is wrong.
(() => {
  const box = element => element.getBoundingClientRect();
  const visible = element => element.checkVisibility() && box(element).height > 1;
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const shown = selector => all(selector).filter(visible);
  const text = element => element.innerText;
  const within = (inner, outer) =>
    inner.left >= outer.left - 1 && inner.right <= outer.right + 1 &&
    inner.top >= outer.top - 1 && inner.bottom <= outer.bottom + 1;
  const charts = step => all("figure", step)
    .filter(figure => visible(figure) && box(figure.querySelector("svg")).height > 100)
    .map(figure => figure.dataset.chart);
  const words = shown("svg").flatMap(svg => all("text", svg).map(word => ({ svg, word })));
  const ids = all("[id]").map(each => each.id);

  return {
    // what is there
    top: text(document.querySelector("header")),
    outcome: text(document.querySelector("#outcome")),
    rows: shown("#steps tbody tr").map(text),
    events: shown("#events tbody tr").map(text),
    charts: all("section.step").map(charts),
    overview: shown("figure:not([data-chart]) svg").length,
    paper: getComputedStyle(document.body).backgroundColor,
    line: getComputedStyle(document.querySelector("figure svg path[style*='--new']")).stroke,

    // what is wrong with it
    overflow: document.documentElement.scrollWidth - innerWidth,
    beyond: shown("main *").filter(each => box(each).right > innerWidth + 1).map(each => each.outerHTML.slice(0, 200)),
    cutOff: words.filter(({ svg, word }) => !within(box(word), box(svg))).map(({ word }) => word.textContent),
    small: words.filter(({ word }) => box(word).height < 8).map(({ word }) => word.textContent),
    ids: ids.filter((id, index) => ids.indexOf(id) !== index),
  };
})()
