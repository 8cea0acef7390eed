(function () {
  var units = { ns: 1e-9, "\u00b5s": 1e-6, ms: 1e-3, kB: 1e3, MB: 1e6, GB: 1e9 };
  function key(text) {
    var found = /^\[?([+-]?[\d.,]+)\s*(\S*)/.exec(text);
    return found ? parseFloat(found[1].replace(/,/g, "")) * (units[found[2]] || 1) : NaN;
  }
  function compare(x, y) {
    var p = key(x), q = key(y);
    if (isNaN(p) || isNaN(q)) return (isNaN(p) ? 1 : 0) - (isNaN(q) ? 1 : 0) || x.localeCompare(y);
    return p - q;
  }
  document.querySelectorAll("table.sortable").forEach(function (table) {
    var heads = Array.from(table.tHead.rows[0].cells), body = table.tBodies[0];
    heads.forEach(function (head, column) {
      var button = document.createElement("button");
      button.type = "button";
      button.append(head.textContent);
      head.replaceChildren(button);
      button.addEventListener("click", function () {
        var up = head.getAttribute("aria-sort") !== "ascending";
        heads.forEach(function (other) { other.removeAttribute("aria-sort"); });
        head.setAttribute("aria-sort", up ? "ascending" : "descending");
        Array.from(body.rows).sort(function (a, b) {
          return (up ? 1 : -1) * compare(a.cells[column].textContent, b.cells[column].textContent);
        }).forEach(function (row) { body.append(row); });
      });
    });
  });
})();
