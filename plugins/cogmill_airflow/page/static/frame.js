// Follows the theme of the Airflow UI around this page, opens links outside of its frame, and fills in the totals.
"use strict";

(() => {
  const around = outerDocument();

  function outerDocument() {
    try {
      return window.parent === window ? null : window.parent.document;
    } catch {
      return null; // framed by somebody else's page
    }
  }

  function followTheme() {
    const dark = around
      ? around.documentElement.classList.contains("dark")
      : window.matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  }

  followTheme();
  if (around) {
    new MutationObserver(followTheme).observe(around.documentElement, { attributeFilter: ["class"] });
  }

  // Airflow's frame lets no page inside it open windows or leave; a link of the document around it may.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.out");
    if (!link || !around) return;
    event.preventDefault();
    const outer = around.createElement("a");
    outer.href = link.href;
    outer.target = link.origin === window.location.origin ? "_self" : "_blank";
    outer.rel = "noopener";
    around.body.append(outer);
    outer.click();
    outer.remove();
  });

  // A map host that is away leaves a blank place; errors of pictures do not bubble, so they are caught on their way down.
  document.addEventListener(
    "error",
    ({ target }) => {
      if (target instanceof HTMLImageElement && !target.closest(".map")) {
        target.replaceWith(Object.assign(document.createElement("span"), { className: "blank" }));
      }
    },
    true,
  );

  document.addEventListener("DOMContentLoaded", async () => {
    const totals = document.getElementById("totals");
    const answer = totals && (await fetch(totals.dataset.states));
    if (!answer?.ok) return;
    const states = await answer.json();
    const of = (...names) => names.reduce((sum, name) => sum + (states[name] ?? 0), 0);
    const facts = [
      [of("published"), "on the map", "published"],
      [of("arrived", "building", "built"), "waiting", "arrived"],
      [of("rejected"), "rejected", "rejected"],
      [of("failed"), "failed", "failed"],
    ];
    for (const [number, words, state] of facts) {
      const fact = totals.appendChild(document.createElement("span"));
      const dot = fact.appendChild(document.createElement("i"));
      fact.className = "fact";
      dot.className = `dot is-${state}`;
      fact.append(`${number.toLocaleString("en").replaceAll(",", "\u202f")} ${words}`);
    }
  });
})();
