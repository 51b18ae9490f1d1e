// The button Retry: starts a run of the DAG `retry` through Airflow's own API, with the permissions of the user who clicks.
"use strict";

(() => {
  const RUNS = `${document.body.dataset.airflow}/api/v2/dags/retry/dagRuns`;
  const MESSAGES = { 401: "sign in again", 403: "not allowed", 404: "no DAG retry", 400: "refused by Airflow", 422: "refused by Airflow" };

  function runConf({ conf: whole, collection, state, key }) {
    if (whole) return JSON.parse(whole);
    const conf = { collections: [collection], states: [state], dry_run: false };
    // only the upload of that key: longer keys with the same prefix come after it by name
    return key ? { ...conf, prefix: key, order: "by name", limit: 1 } : conf;
  }

  async function retry(button) {
    button.disabled = true;
    const response = await fetch(RUNS, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ logical_date: null, conf: runConf(button.dataset) }),
    }).catch(() => null);
    if (!response?.ok) {
      button.textContent = MESSAGES[response?.status] ?? "failed; try again";
      button.disabled = response?.status === 403;
      return;
    }
    const { dag_run_id: run } = await response.json();
    const link = document.createElement("a");
    link.className = "out started";
    link.href = `${document.body.dataset.airflow}/dags/retry/runs/${encodeURIComponent(run)}`;
    link.textContent = "Started: see the run";
    button.replaceWith(link);
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.retry");
    if (button) retry(button);
  });

  // Pages come with these buttons off: a click before this script has arrived would be lost without a word.
  for (const button of document.querySelectorAll("button.retry")) button.disabled = false;
})();
