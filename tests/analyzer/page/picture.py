"""Takes the pictures of the page: Overview in the light theme, Explore in the dark one."""

import time

from browser import Page, arguments, browser

options = arguments("seconds", "folder")
SIZE = {"width": 1200, "height": 760}

with browser(options, color_scheme="light", viewport=SIZE) as overview:
    dark = overview.context.browser.new_context(color_scheme="dark", viewport=SIZE)
    explore = Page(dark, options.server)
    overview.open("overview")
    explore.open("explore?keys=src%2Cdst%2Cdport&value=bytes&filter=ipproto%3D6")
    time.sleep(float(options.seconds))
    for name, page in (("overview", overview), ("explore", explore)):
        page.tab.screenshot(path=f"{options.folder}/page-{name}.png")
        page.check()
