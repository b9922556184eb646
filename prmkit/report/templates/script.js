const buttons = document.querySelectorAll("[data-show]");
for (const button of buttons) {
  button.addEventListener("click", () => {
    let shown = 0;
    for (const example of document.querySelectorAll(".example")) {
      example.hidden = button.dataset.show !== "all" && example.dataset.kind !== button.dataset.show;
      shown += !example.hidden;
    }
    for (const each of buttons) each.setAttribute("aria-pressed", String(each === button));
    document.getElementById("shown").textContent = `${shown} shown`;
  });
}
