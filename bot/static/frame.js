// In a frame of somebody's page: tells the launcher that the chat is here, and that Escape was pressed.
// Who may frame the chat is settled by its policy, and nothing said here is a secret.
(() => {
  if (parent === window) return;
  const tell = (what) => parent.postMessage(`faq:${what}`, "*");
  tell("ready");
  // First of all listeners, so that what Escape closes in the page still counts as open.
  addEventListener(
    "keydown",
    (event) => {
      if (event.key !== "Escape" || event.isComposing) return;
      const dialogs = [...document.querySelectorAll("dialog, [role=dialog], [role=alertdialog]")];
      if (!dialogs.some((dialog) => dialog.checkVisibility())) tell("close");
    },
    true,
  );
})();
