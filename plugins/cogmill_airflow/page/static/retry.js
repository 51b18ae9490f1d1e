// Retry: asks Airflow's own API for a run of the DAG `retry`, with the rights of whoever clicks.
"use strict";

(() => {
  const RUNS = `${document.body.dataset.airflow}/api/v2/dags/retry/dagRuns`;
  const FAULTS = { 401: "sign in again", 403: "not allowed", 404: "no DAG retry" };

  function wish({ collection, state, key }) {
    const conf = { collections: [collection], states: [state], dry_run: false };
    // the one upload of that key: others that begin like it come after it by name
    return key ? { ...conf, prefix: key, order: "by name", limit: 1 } : conf;
  }

  async function retry(button) {
    button.disabled = true;
    const answer = await fetch(RUNS, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ logical_date: null, conf: wish(button.dataset) }),
    }).catch(() => null);
    if (!answer?.ok) {
      button.textContent = FAULTS[answer?.status] ?? "failed; try again";
      button.disabled = answer?.status === 403;
      return;
    }
    const { dag_run_id: run } = await answer.json();
    const link = document.createElement("a");
    link.className = "out asked";
    link.href = `${document.body.dataset.airflow}/dags/retry/runs/${encodeURIComponent(run)}`;
    link.textContent = "Asked: see the run";
    button.replaceWith(link);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.retry");
    if (button) retry(button);
  });
})();
