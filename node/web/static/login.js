// The secret of a login link stands behind the `#`, which is sent to no server and into no log. It
// is too long to be guessed, so that pages of other sites that open this one come to nothing; the
// short code is for typing alone.
const code = decodeURIComponent(location.hash.slice(1));
const form = document.querySelector("form");
if (/^[0-9A-Za-z]{24}$/.test(code) && form) {
  // Out of the address at once: neither history nor a picture of the screen should hold it.
  history.replaceState(null, "", location.pathname + location.search);
  form.elements.code.value = code;
  form.submit();
}
