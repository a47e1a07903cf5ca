"""The page without a mouse, for screen readers, in both themes, on narrow and wide screens."""

from browser import VIEWS, arguments, browser

options = arguments("screens")

# Controls that a user can operate.
CONTROLS = "a[href], button:not(:disabled), input, select, summary, [tabindex='0']"

# The smallest contrast of a text with the background behind it, by WCAG 2: 4.5 is enough for text, 3 for
# lines and borders.
CONTRAST = """() => {
  const rgb = (text) => text.match(/[\\d.]+/g).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
    .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const back = (element) => {
    for (let one = element; one; one = one.parentElement) {
      const colour = rgb(getComputedStyle(one).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort((a, b) => b - a); return (x + 0.05) / (y + 0.05); };
  const found = [];
  for (const element of document.querySelectorAll('body *')) {
    const style = getComputedStyle(element), behind = back(element);
    if (!element.checkVisibility()) continue;
    const text = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    const colour = element instanceof SVGElement ? style.fill : style.color;
    if (text && !element.matches(':disabled')) found.push([4.5, contrast(rgb(colour), behind), `text ${element.tagName} ${element.textContent.slice(0, 40)}`]);
    if (element.matches('.line, .error')) found.push([3, contrast(rgb(style.stroke), behind), `line ${element.getAttribute('class')}`]);
    if (element.matches('input')) found.push([3, contrast(rgb(style.borderTopColor), behind), `border of ${element.name}`]);
  }
  return found.filter(([least, contrast]) => contrast < least).map(([least, contrast, what]) => `${what}: ${contrast.toFixed(2)} < ${least}`);
}"""

# True if all charts are as wide as their place.
FITTING = "[...document.querySelectorAll('.chart')].every((one) => Math.abs(one.clientWidth - one.firstChild.viewBox.baseVal.width) < 2)"

# Controls, cells and charts that a screen reader has no words for.
NAMELESS = """() => [
  ...[...document.querySelectorAll('a, button, summary')].filter((one) => !one.textContent.trim()),
  ...[...document.querySelectorAll('input, select')].filter((one) => !one.labels.length && !one.ariaLabel),
  ...[...document.querySelectorAll('svg')].filter((one) => !one.ariaLabel && one.getAttribute('aria-hidden') !== 'true'),
  ...[...document.querySelectorAll('table')].filter((one) => !one.caption?.textContent || [...one.tHead.rows[0].cells].some((cell) => cell.scope !== 'col')),
].map((one) => one.outerHTML.slice(0, 200))"""


# What a control is, though its text changes with the traffic.
NAME = """(one) => [one.closest('section, figure')?.firstElementChild.textContent, one.tagName, one.getAttribute('href') ?? one.name].join(' ')"""


def operate_by_keys(page, view):
    """Tab reaches every control, and each shows that it has the focus."""
    expected = set(page.tab.evaluate(
        f"""(controls) => [...document.querySelectorAll(controls)].filter((one) => one.checkVisibility()).map({NAME})""", CONTROLS))
    left = set(expected)
    for _ in range(2 * len(expected) + 100):
        page.tab.keyboard.press("Tab")
        at, outline = page.tab.evaluate(f"[({NAME})(document.activeElement), getComputedStyle(document.activeElement).outlineStyle]")
        left.discard(at)
        assert outline != "none" or "BODY" in at, f"{view}: no visible focus at {at}"
        if not left:
            return
    raise AssertionError(f"{view}: not reached by Tab: {left}")


def check_tables_of_charts(page, view):
    """Each chart opens its values by the keyboard."""
    for figure in page.tab.locator("figure").all():
        figure.locator("summary").focus()
        page.tab.keyboard.press("Enter")
        figure.locator("details table td").first.wait_for()
        page.tab.keyboard.press("Enter")
        figure.locator("details table").wait_for(state="hidden")


def check_view(page, what):
    """What holds for each view in each theme and width."""
    assert page.tab.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{what}: wider than the screen"
    weak = page.tab.evaluate(CONTRAST)
    assert not weak, f"{what}: " + "\n".join(weak)
    nameless = page.tab.evaluate(NAMELESS)
    assert not nameless, f"{what}: " + "\n".join(nameless)


# An alarm for its views, which no metric but that of the host needs.
ALARM = {"AlarmName": "busy", "Namespace": "Flowmote", "MetricName": "load_one", "Dimensions": [{"Name": "host", "Value": "web1"}], "Statistic": "Average",
         "Period": 60, "EvaluationPeriods": 3, "Threshold": 1, "ComparisonOperator": "GreaterThanThreshold"}
VIEWS = [*VIEWS, "alarms?name=busy", "alarms?edit="]

for theme in ("light", "dark"):
    with browser(options, color_scheme=theme) as page:
        page.cloudwatch("PutMetricAlarm", ALARM)
        for view in VIEWS:
            page.open(view)
            page.tab.wait_for_selector("#view td:not(.empty)")
            for width in (400, 1280, 1920):
                page.tab.set_viewport_size({"width": width, "height": 900})
                # A chart is drawn for the new width with the next values.
                page.wait_for("charts of this width", lambda: page.tab.evaluate(FITTING))
                check_view(page, f"{view} {theme} {width}")
                if options.screens:
                    page.tab.screenshot(path=f"{options.screens}/{view.split('?')[0]}-{theme}-{width}.png")
            if theme == "light":
                operate_by_keys(page, view)
                check_tables_of_charts(page, view)
        page.check()
print("PASS")
