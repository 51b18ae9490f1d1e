// Follows the theme of the Airflow UI around this page, opens links outside its frame, and fills in the totals.
"use strict";

(() => {
  const outer = enclosingDocument();

  function enclosingDocument() {
    try {
      return window.parent === window ? null : window.parent.document;
    } catch {
      return null; // framed by a page of another origin
    }
  }

  function followTheme() {
    const dark = outer
      ? outer.documentElement.classList.contains("dark")
      : window.matchMedia("(prefers-color-scheme: dark)").matches;
    document.documentElement.dataset.theme = dark ? "dark" : "light";
  }

  followTheme();
  if (outer) {
    new MutationObserver(followTheme).observe(outer.documentElement, { attributeFilter: ["class"] });
  }

  // A page inside Airflow's sandboxed frame may not open windows or navigate it; a link in the enclosing document may.
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a.out");
    if (!link || !outer) return;
    event.preventDefault();
    const copy = outer.createElement("a");
    copy.href = link.href;
    copy.target = link.origin === window.location.origin ? "_self" : "_blank";
    copy.rel = "noopener";
    outer.body.append(copy);
    copy.click();
    copy.remove();
  });

  // A picture that cannot be loaded becomes a blank; errors of pictures do not bubble, so they are caught in the capture phase.
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
    const response = totals && (await fetch(totals.dataset.states));
    if (!response?.ok) return;
    const states = await response.json();
    const sumOf = (...names) => names.reduce((sum, name) => sum + (states[name] ?? 0), 0);
    const facts = [
      [sumOf("published"), "on the map", "published", "/?sort=-on_map"],
      [sumOf("arrived", "building", "built"), "waiting", "arrived", "/?only=waiting&sort=-waiting"],
      [sumOf("rejected"), "rejected", "rejected", "/rejected"],
      [sumOf("failed"), "failed", "failed", "/?only=failed&sort=-failed"],
    ];
    for (const [number, label, state, path] of facts) {
      const fact = totals.appendChild(document.createElement("a"));
      fact.href = document.body.dataset.root + path;
      const dot = fact.appendChild(document.createElement("i"));
      fact.className = "fact";
      dot.className = `dot is-${state}`;
      fact.append(`${number.toLocaleString("en").replaceAll(",", "\u202f")} ${label}`);
    }
  });
})();
