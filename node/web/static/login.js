// The secret of a login link stands behind the `#`, which is sent to no server and into no log. It
// is too long to be guessed, so that pages of other sites that open this one come to nothing; the
// short code is for typing alone.
const form = document.querySelector("form");
function enter() {
  const code = decodeURIComponent(location.hash.slice(1));
  if (!form || !/^[0-9A-Za-z]{24}$/.test(code)) return;
  // Out of the address at once: neither history nor a picture of the screen should hold it.
  history.replaceState(null, "", location.pathname + location.search);
  form.elements.code.value = code;
  form.submit();
}
// A fresh link that is opened where this page stands already changes the part behind `#` alone.
addEventListener("hashchange", enter);
enter();
