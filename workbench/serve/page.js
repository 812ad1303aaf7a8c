// The terminal takes keys without a click, as soon as its socket is open and whenever the window is come back to.
const focusTerminal = () => document.querySelector(".xterm-helper-textarea")?.focus();

new MutationObserver((_, observer) => {
  if (document.body?.classList.contains("-first-byte")) {
    observer.disconnect();
    focusTerminal();
  }
}).observe(document.documentElement, { attributes: true, subtree: true, attributeFilter: ["class"] });
window.addEventListener("focus", focusTerminal);
