// What pages do beyond links and forms. Without it everything can still be read and followed.
"use strict";

(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const one = (selector, root = document) => root.querySelector(selector);

  function make(tag, text, className) {
    const element = document.createElement(tag);
    if (text !== undefined) element.textContent = text;
    if (className) element.className = className;
    return element;
  }

  async function call(method, path, body) {
    const options = { method, headers: { Accept: "application/json" } };
    if (body !== undefined) {
      options.headers["Content-Type"] = "application/json";
      options.body = JSON.stringify(body);
    }
    const response = await fetch(path, options);
    const text = await response.text();
    const answer = text ? JSON.parse(text) : {};
    if (!response.ok) throw new Error(said(answer) || `${response.status} ${response.statusText}`);
    return { response, answer };
  }

  function said(problem) {
    const parts = [problem.detail || problem.title || ""];
    for (const error of problem.errors || []) {
      const where = error.name || error.pointer || "";
      parts.push(`${where} ${error.detail || ""}`.trim());
    }
    return parts.filter(Boolean).join("; ");
  }

  // ---------------------------------------------------------------- the scatter plot

  function plot(box) {
    const svg = one("svg.plot", box);
    const tip = one(".tip", box);
    const panel = document.getElementById(svg.dataset.panel || "");
    const marks = all(".mark", svg);
    const [across, up] = all(".cross", svg);
    const hint = panel ? [...panel.childNodes] : [];
    let active = null;

    const shown = () => marks.filter((mark) => getComputedStyle(mark).display !== "none");
    const place = (mark) => [Number(mark.dataset.x), Number(mark.dataset.y)];

    function activate(mark) {
      if (active === mark) return;
      if (active) active.classList.remove("is-active");
      all("tr.is-active").forEach((row) => row.classList.remove("is-active"));
      active = mark;
      tip.hidden = !mark;
      across.setAttribute("visibility", mark ? "visible" : "hidden");
      up.setAttribute("visibility", mark ? "visible" : "hidden");
      if (!mark) return;
      mark.classList.add("is-active");
      const row = document.getElementById(`row-${mark.dataset.number}`);
      if (row) row.classList.add("is-active");
      const [x, y] = place(mark);
      across.setAttribute("y1", y);
      across.setAttribute("y2", y);
      across.setAttribute("x2", x);
      up.setAttribute("x1", x);
      up.setAttribute("x2", x);
      up.setAttribute("y1", y);
      tip.replaceChildren(make("strong", mark.dataset.label), make("span", mark.dataset.figures));
      const scale = svg.getBoundingClientRect().width / svg.viewBox.baseVal.width;
      const left = svg.offsetLeft ?? 0;
      const wide = tip.offsetWidth;
      const room = box.clientWidth;
      const origin = svg.getBoundingClientRect().left - box.getBoundingClientRect().left + left;
      const at = origin + x * scale;
      tip.style.left = `${Math.max(4, Math.min(at + 14, room - wide - 4))}px`;
      tip.style.top = `${Math.max(4, y * scale - tip.offsetHeight - 6)}px`;
      describe(mark);
    }

    function describe(mark) {
      if (!panel) return;
      const list = make("dl", undefined, "facts");
      for (const [name, value] of JSON.parse(mark.dataset.facts)) {
        list.append(make("dt", name), make("dd", value));
      }
      const parts = [make("h3", mark.dataset.label), list];
      if (mark.href) {
        const link = make("a", "Open this design", "button main");
        link.href = mark.getAttribute("href");
        parts.push(link);
      }
      panel.replaceChildren(...parts);
    }

    function nearest(event) {
      const frame = svg.getBoundingClientRect();
      const scale = frame.width / svg.viewBox.baseVal.width;
      const x = (event.clientX - frame.left) / scale;
      const y = (event.clientY - frame.top) / scale;
      let best = null;
      let distance = 30 * 30;
      for (const mark of shown()) {
        const [markX, markY] = place(mark);
        const here = (markX - x) ** 2 + (markY - y) ** 2;
        if (here <= distance) [best, distance] = [mark, here];
      }
      return best;
    }

    // One stop for the Tab key; arrows, Home and End move among the marks by delay.
    function rove(mark) {
      marks.forEach((other) => other.setAttribute("tabindex", other === mark ? "0" : "-1"));
    }
    rove(marks.find((mark) => mark.href) || marks[0]);
    svg.addEventListener("keydown", (event) => {
      const ordered = shown().sort((a, b) => place(a)[0] - place(b)[0] || place(b)[1] - place(a)[1]);
      const here = ordered.indexOf(document.activeElement);
      const next = {
        ArrowRight: here + 1, ArrowDown: here + 1, ArrowLeft: here - 1, ArrowUp: here - 1,
        Home: 0, End: ordered.length - 1,
      }[event.key];
      if (here < 0 || next === undefined) return;
      event.preventDefault();
      const mark = ordered[Math.max(0, Math.min(next, ordered.length - 1))];
      rove(mark);
      mark.focus();
    });
    svg.addEventListener("focusin", (event) => {
      const mark = event.target.closest(".mark");
      if (mark) activate(mark);
    });
    svg.addEventListener("pointermove", (event) => {
      const mark = nearest(event);
      if (mark) activate(mark);
    });
    svg.addEventListener("pointerleave", () => activate(document.activeElement.closest?.(".mark")));
    // Marks overlap: what counts is the one that is marked, the nearest, not the one on top.
    svg.addEventListener("click", (event) => {
      const byKeyboard = event.detail === 0;
      if (byKeyboard || event.ctrlKey || event.metaKey || event.shiftKey) return;
      const mark = nearest(event);
      event.preventDefault();
      if (mark && mark.href) window.location.assign(mark.getAttribute("href"));
    });
    document.addEventListener("keydown", (event) => {
      if (event.key !== "Escape" || !active) return;
      activate(null);
      if (panel) panel.replaceChildren(...hint);
    });
    all("[data-hides]").forEach((check) => {
      const apply = () => {
        const hides = check.dataset.hides;
        svg.classList.toggle(`hide-${hides}`, hides === "dominated" ? check.checked : !check.checked);
        if (active && !shown().includes(active)) activate(null);
        const kept = marks.find((mark) => mark.getAttribute("tabindex") === "0");
        if (kept && !shown().includes(kept) && shown().length) rove(shown()[0]);
      };
      check.addEventListener("change", apply);
      apply();
    });
    all("tr[data-number]").forEach((row) => {
      row.addEventListener("pointerenter", () => {
        activate(marks.find((mark) => mark.dataset.number === row.dataset.number) || null);
      });
    });
  }

  // ---------------------------------------------------------------- jobs

  const FINAL = ["done", "not_met", "failed", "cancelled"];

  // Follows a job's events until it ends. `on` gets (type, data); gives a way to stop.
  function follow(id, on) {
    const source = new EventSource(`/v1/jobs/${id}/events`);
    const types = ["status", "progress", "log", "metrics", "message", "end"];
    const heard = (event) => {
      let data = {};
      try { data = JSON.parse(event.data); } catch { data = { text: event.data }; }
      on(event.type, data, event.lastEventId);
    };
    types.forEach((type) => source.addEventListener(type, heard));
    // The server closes the stream of a job that has ended; the browser must not come back for it.
    let failures = 0;
    source.addEventListener("open", () => { failures = 0; });
    source.addEventListener("error", async () => {
      failures += 1;
      try {
        const { answer } = await call("GET", `/v1/jobs/${id}`);
        if (FINAL.includes(answer.status)) {
          source.close();
          on("end", answer, "");
        } else if (failures > 20) {
          source.close();
        }
      } catch {
        if (failures > 20) source.close();
      }
    });
    return () => source.close();
  }

  function words(data) {
    if (data.text || data.message) return data.text || data.message;
    const { stage, done, total, at, ...rest } = data;
    const parts = total === undefined ? [] : [`${stage ? `${stage}: ` : ""}${done} of ${total}`];
    if (stage && total === undefined) rest.stage = stage;
    for (const [name, value] of Object.entries(rest)) {
      if (value !== null && value !== 0 && typeof value !== "object") {
        parts.push(`${name.replaceAll("_", " ")} ${round(value)}`);
      }
    }
    return parts.join(", ");
  }

  function round(value) {
    return typeof value === "number" && !Number.isInteger(value)
      ? String(Number(value.toPrecision(6))) : String(value);
  }

  function progress(bar, text, data) {
    const { done, total } = data;
    if (bar && total > 0) {
      bar.max = total;
      bar.value = Math.min(done, total);
    }
    if (text) text.textContent = words(data);
  }

  function job(section) {
    const { job: id, status } = section.dataset;
    const log = one(".log", section);
    const bar = one("progress", section);
    const line = one(".progress-text", section);
    const cancel = one("[data-cancel]", section);
    const note = one(".job-note", section);
    if (cancel) {
      cancel.addEventListener("click", async () => {
        cancel.disabled = true;
        try {
          await call("POST", `/v1/jobs/${id}/cancel`);
          note.textContent = "Cancel requested; it takes effect within seconds.";
        } catch (error) {
          note.textContent = `Not cancelled: ${error.message}`;
          cancel.disabled = false;
        }
      });
    }
    if (FINAL.includes(status)) return;
    const seen = new Set(all("li[data-seq]", log).map((item) => item.dataset.seq));
    const stop = follow(id, (type, data, seq) => {
      if (type === "end" || FINAL.includes(data.status)) {
        stop();
        window.location.reload();
        return;
      }
      if (data.status && data.status !== section.dataset.status && section.dataset.status === "queued") {
        stop();
        window.location.reload();
        return;
      }
      if (type === "progress") progress(bar, line, data.progress || data);
      if (seq && seen.has(seq)) return;
      seen.add(seq);
      if (type === "metrics") redraw().catch(() => {});
      if (type === "progress" || !log) return;
      const item = make("li");
      const when = make("time", (data.at || new Date().toISOString()).slice(11, 19));
      item.append(when, make("span", type, "kind"), make("span", words(told(type, data)), "what"));
      log.append(item);
      const box = log.parentElement;
      box.scrollTop = box.scrollHeight;
      one(".log-empty", section)?.remove();
    });

    // The server draws the learning curve; while there is news it is asked for the drawing again.
    let drawn = 0;
    async function redraw() {
      if (Date.now() - drawn < 3000) return;
      drawn = Date.now();
      const fresh = one("[data-curve]", await fetched(window.location.href));
      const old = one("[data-curve]", section);
      if (!fresh || !old) return;
      const open = one("details", old)?.open;
      old.replaceWith(document.adoptNode(fresh));
      if (open && one("[data-curve] details", section)) {
        one("[data-curve] details", section).open = true;
      }
    }
  }

  const FOLLOWED = ["calls", "front", "hypervolume", "best_saving"];

  function told(type, data) {
    if (type !== "metrics") return data;
    return Object.fromEntries(FOLLOWED.map((name) => [name, data[name] ?? null]));
  }

  async function fetched(address) {
    const response = await fetch(address, { headers: { Accept: "text/html" } });
    if (!response.ok) throw new Error(response.statusText);
    return new DOMParser().parseFromString(await response.text(), "text/html");
  }

  // The list of jobs: the server writes it again, and its rows replace ours.
  function jobs(table) {
    const refresh = async () => {
      if (document.hidden) return;
      const page = await fetched(window.location.href);
      const rows = one("[data-jobs] tbody", page);
      const focused = document.activeElement.closest?.("tr")?.id;
      if (rows) one("tbody", table).replaceWith(document.adoptNode(rows));
      if (focused) one(`#${focused} a`)?.focus();
    };
    window.setInterval(() => refresh().catch(() => {}), 2000);
  }

  // ---------------------------------------------------------------- asking for a design

  function request(form) {
    const out = one(".answer", form);
    const button = one("button[type=submit]", form);

    function show(text, kind, ...links) {
      const message = make("div", text, `message ${kind}`);
      for (const link of links.filter(Boolean)) {
        const anchor = make("a", link.text);
        anchor.href = link.href;
        message.append(" ", anchor, ".");
      }
      out.replaceChildren(message);
    }

    // The circuit that was asked for, as the address of its front.
    function front() {
      const wanted = new URLSearchParams();
      for (const name of ["circuit", "width", "library", "carry_in", "carry_out"]) {
        const value = new FormData(form).get(name);
        if (value) wanted.set(name, value);
      }
      return { text: "Show its front", href: `/?${wanted}` };
    }

    function finished(answer) {
      const result = answer.result || {};
      const id = result.design_id;
      button.disabled = false;
      if (answer.status === "done" && id) {
        const figures = result.delay_ps && result.area_um2
          ? `: ${round(result.delay_ps)} ps, ${round(result.area_um2)} µm²` : "";
        show(`Found, proven and stored${figures}.`, "ok",
          { text: "Open the design", href: `/designs/${id}` }, front());
      } else if (answer.status === "not_met") {
        const fastest = result.fastest_id || id;
        show("No design meets this delay.", "bad",
          fastest && { text: "Open the fastest one found", href: `/designs/${fastest}` });
      } else {
        show(`The job ended: ${answer.status}. ${said(answer.error || {})}`, "bad",
          { text: "See its log", href: `/jobs/${answer.id}` });
      }
    }

    function watch(accepted) {
      const bar = make("progress");
      bar.setAttribute("aria-label", "Progress of the search");
      const line = make("p", "waiting for a worker", "small muted");
      const link = make("a", "Follow it on its own page");
      link.href = `/jobs/${accepted.id}`;
      out.replaceChildren(bar, line, link);
      const stop = follow(accepted.id, async (type, data) => {
        if (type === "progress") progress(bar, line, data.progress || data);
        if (type !== "end" && !FINAL.includes(data.status)) return;
        stop();
        const { answer } = await call("GET", `/v1/jobs/${accepted.id}`);
        finished(answer);
      });
    }

    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const fields = new FormData(form);
      const body = {
        circuit: fields.get("circuit"),
        width: Number(fields.get("width")),
        library: fields.get("library"),
        effort: fields.get("effort"),
        carry_in: fields.get("carry_in") === "true",
      };
      if (fields.get("carry_out")) body.carry_out = fields.get("carry_out") === "true";
      if (fields.get("max_delay_ps")) body.max_delay_ps = Number(fields.get("max_delay_ps"));
      button.disabled = true;
      out.replaceChildren(make("p", "Asking…", "small muted"));
      try {
        const { response, answer } = await call("POST", "/v1/designs", body);
        if (response.status === 202) {
          watch(answer.job);
          return;
        }
        const design = answer.design;
        const figures = design ? `${round(design.delay_ps)} ps, ${round(design.area_um2)} µm²` : "";
        const met = answer.met !== false;
        show(met ? `Known: ${figures}.` : `Not met; the fastest has ${figures}.`, met ? "ok" : "bad",
          design && { text: "Open the design", href: `/designs/${design.id}` });
      } catch (error) {
        show(error.message, "bad");
      }
      button.disabled = false;
    });
  }

  // ---------------------------------------------------------------- small things

  function copy(button) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      const text = document.getElementById(button.dataset.copy).textContent;
      try {
        await navigator.clipboard.writeText(text);
        button.textContent = "Copied";
      } catch {
        const range = document.createRange();
        range.selectNodeContents(document.getElementById(button.dataset.copy));
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        button.textContent = "Press Ctrl+C";
      }
      window.setTimeout(() => { button.textContent = "Copy"; }, 2000);
    });
  }

  function tabs(list) {
    list.hidden = false;
    const buttons = all("[role=tab]", list);
    const choose = (chosen) => {
      for (const button of buttons) {
        const selected = button === chosen;
        button.setAttribute("aria-selected", String(selected));
        button.tabIndex = selected ? 0 : -1;
        document.getElementById(button.getAttribute("aria-controls")).hidden = !selected;
      }
    };
    list.addEventListener("click", (event) => {
      const button = event.target.closest("[role=tab]");
      if (button) choose(button);
    });
    list.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const here = buttons.indexOf(document.activeElement);
      const next = buttons[(here + step + buttons.length) % buttons.length];
      choose(next);
      next.focus();
    });
    choose(buttons[0]);
  }

  function comparing(form) {
    const button = one("button[type=submit]", form);
    const note = one(".compare-count", form);
    const update = () => {
      const count = all("input[name=ids]:checked", form).length;
      button.disabled = count < 2 || count > 4;
      note.textContent = count > 4 ? `${count} chosen, at most 4` : `${count} chosen`;
    };
    form.addEventListener("change", update);
    update();
  }

  function session(form) {
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      const note = one(".answer", form);
      try {
        await call("POST", "/session", { key: new FormData(form).get("key") });
        window.location.reload();
      } catch (error) {
        note.textContent = error.message;
      }
    });
  }

  function signout(button) {
    button.hidden = false;
    button.addEventListener("click", async () => {
      await call("DELETE", "/session");
      window.location.assign("/");
    });
  }

  all("[data-plot]").forEach(plot);
  all("[data-signout]").forEach(signout);
  all("[data-copy]").forEach(copy);
  all("[role=tablist]").forEach(tabs);
  all("form[data-request]").forEach(request);
  all("form[data-compare]").forEach(comparing);
  all("form[data-session]").forEach(session);
  all("[data-job]").forEach(job);
  all("[data-jobs]").forEach(jobs);
  all("[data-natural]").forEach((button) => {
    button.hidden = false;
    button.addEventListener("click", () => {
      const natural = document.getElementById(button.dataset.natural).classList.toggle("natural");
      button.setAttribute("aria-pressed", String(natural));
      button.textContent = natural ? "Fit to page" : "Actual size";
    });
  });
})();
