// The field for the number that ties this device to the place of the login: typed here, shown or typed there.

import { element } from "./dom.js";
import { say } from "./words.js";

const NUMBER = /^[0-9]{2}$/;

/** Tell whether a session can only be approved with a number; ctx is what is signed, so its word counts too. */
export function needsNumber(session, context) {
  return session.number_required === true || context.number_required === true;
}

/** A labelled field; changed() is called whenever its value does. */
export class NumberField {
  constructor(changed) {
    this.input = element("input", {
      id: "number", inputmode: "numeric", maxlength: "8", autocomplete: "off", autocorrect: "off", spellcheck: "false",
      "aria-describedby": "number-help", oninput: changed,
    });
    this.node = element("div", { class: "number" }, element("label", { for: "number" }, say("number")), this.input,
      element("p", { id: "number-help", class: "how" }, say("numberHelp")));
  }

  /** The two digits, or an empty text. Full-width digits and blanks are how some keyboards write. */
  get value() {
    const typed = this.input.value.normalize("NFKC").replace(/\s/gu, "");
    return NUMBER.test(typed) ? typed : "";
  }
}
