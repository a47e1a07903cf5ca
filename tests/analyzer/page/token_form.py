"""A server with a token: the page requests it, and works with it."""

from browser import VIEWS, arguments, browser

options = arguments("token")

with browser(options) as page:
    page.tab.goto(f"{options.server}/#agents")
    for token, reply in [("wrong", "The token is wrong."), (options.token, None)]:
        page.tab.locator("input[type=password]").wait_for()
        assert page.tab.evaluate("document.activeElement.type") == "password"
        page.tab.keyboard.type(token)
        page.tab.keyboard.press("Enter")
        if reply:
            page.tab.locator(f"text={reply}").wait_for()
    page.tab.wait_for_selector("#view table")
    # Also after a reload, and in every view.
    page.tab.reload()
    for view in VIEWS:
        page.open(view)
        assert page.tab.locator("input[type=password]").count() == 0
        assert page.tab.locator("#problem").is_hidden(), page.tab.inner_text("#problem")
    # Chromium itself notes the status 401 in the console.
    assert all("401" in one for one in page.problems), page.problems
print("PASS")
