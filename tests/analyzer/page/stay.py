"""Shows Overview, Explore and Drops until this process is killed."""

import sys

from browser import Page, arguments, browser

options = arguments()
with browser(options) as page:
    tabs = [Page(page.context, options.server) for _ in range(2)]
    page.open("overview")
    tabs[0].open("explore?keys=src,dst,dport")
    tabs[1].open("drops")
    print("shown")
    sys.stdout.flush()
    while True:
        page.tab.wait_for_timeout(1000)
