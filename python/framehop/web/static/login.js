/** Asks for the token that framehop printed at its start. */

import { postJson } from "./api.js";
import { el, setText } from "./dom.js";

export class LoginView {
  title = "Log in";
  #token = el("input", { type: "password", id: "token", autocomplete: "current-password", required: true, spellcheck: "false", "aria-describedby": "login-error" });
  #error = el("p", { class: "error", id: "login-error", role: "alert" });
  #button = el("button", { class: "primary" }, "Log in");

  /** `done` is called once the server has taken the token. */
  constructor(done) {
    this.root = el("section", { class: "login" },
      el("form", { class: "card", submit: (event) => this.#submit(event, done) },
        el("h1", { id: "title" }, "Log in"),
        el("p", { class: "muted" }, "framehop printed a token when it started, or it is in the file of --token-file."),
        el("label", { for: "token" }, "Token"), this.#token, this.#error, this.#button));
  }

  focus() {
    this.#token.focus();
  }

  close() {
    this.#token.value = "";
  }

  async #submit(event, done) {
    event.preventDefault();
    this.#button.disabled = true;
    setText(this.#error, "");
    try {
      await postJson("login", { token: this.#token.value });
      done();
    } catch (error) {
      setText(this.#error, error.status === 401 ? "This is not the token." : `${error.message}.`);
      this.#token.select();
    } finally {
      this.#button.disabled = false;
    }
  }
}
