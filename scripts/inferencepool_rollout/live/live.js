// Keeps the page up to date and asks before it acts. The token stands after the # of the address, which no browser sends.
"use strict";
(() => {
  const byId = id => document.getElementById(id);
  const [parts, link, headline, answer, ask, question, reason, yes] =
    ["parts", "link", "headline", "answer", "ask", "question", "reason", "yes"].map(byId);
  const buttons = [...document.querySelectorAll("#buttons button")];
  const given = new URLSearchParams(location.hash.slice(1)).get("token");
  if (given) {
    sessionStorage.setItem("token", given);
    history.replaceState(null, "", location.pathname);
  }
  const token = sessionStorage.getItem("token");
  byId("readonly").hidden = Boolean(token);
  let percent = null, asks = {};

  const container = name => {
    const found = byId(`part-${name}`);
    if (found) return found;
    const made = document.createElement("div");
    made.id = `part-${name}`;
    return made;
  };

  // A reader's place and what is unfolded stay as they are.
  const fill = (part, html) => {
    const unfolded = [...part.querySelectorAll("details")].map(each => each.open);
    part.innerHTML = html;
    part.querySelectorAll("details").forEach((each, at) => { if (unfolded[at] !== undefined) each.open = unfolded[at]; });
  };

  const show = seen => {
    const places = seen.order.map(container);
    for (const [name, html] of Object.entries(seen.changed)) fill(places[seen.order.indexOf(name)], html);
    places.forEach((place, at) => {
      if (parts.children[at] !== place) parts.insertBefore(place, parts.children[at] ?? null);
    });
    while (parts.children.length > places.length) parts.lastChild.remove();
    ({ percent, asks } = seen);
    for (const button of buttons) button.disabled = !token || !(button.dataset.verb in asks);
    if (headline.textContent !== seen.headline) headline.textContent = seen.headline;  // read out when it changes
    document.title = `Rollout: ${percent ?? "?"} %`;
    link.textContent = `as of ${new Date(1000 * seen.time).toISOString().slice(11, 19)} UTC`;
    link.className = "";
  };

  const events = new EventSource("events");
  events.onmessage = message => show(JSON.parse(message.data));
  events.onerror = () => {
    link.textContent = `not connected; ${link.textContent.replace(/^not connected; /, "")}`;
    link.className = "lost";
    for (const button of buttons) button.disabled = true;
  };

  const act = async (verb, seen, why) => {
    const answered = await fetch(`act/${verb}`, {
      method: "POST",
      headers: { "Content-Type": "application/json", Authorization: `Bearer ${token}` },
      body: JSON.stringify({ percent: seen, reason: why }),
    }).catch(error => ({ ok: false, text: () => error.message }));
    answer.textContent = await answered.text();
    if (answered.status === 401) sessionStorage.removeItem("token");
  };

  for (const button of buttons) {
    button.addEventListener("click", () => {
      const verb = button.dataset.verb, seen = percent;
      question.textContent = asks[verb];
      reason.hidden = verb !== "hold";
      yes.textContent = button.textContent;
      yes.dataset.verb = verb;
      ask.returnValue = "no";
      ask.onclose = () => {
        if (ask.returnValue === "yes") act(verb, seen, ask.querySelector("input").value);
        button.focus();
      };
      ask.showModal();
    });
  }
})();
