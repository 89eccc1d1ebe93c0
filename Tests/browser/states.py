"""Checks every state of sensors and devices on the pages of edge and cloud: on a desktop and on a phone, in light and in dark.

usage: states.py CLOUD-URL HOUSE-URL BARN-URL [FOLDER]     FOLDER: gets a picture of each state
"""
import base64
import http.server
import json
import os
import sys
import threading
import time
import urllib.request

from page import Browser, check

# The state of each sensor of the house and of each device, and words that its page must contain.
SENSORS = {
    "house/gallery": ("ok", ["north wall"]),
    "house/archive": ("failing", ["Sensor failing since", "no hwmon device named «sht4x»", "last good value 45.0"]),
    "house/depot": ("failing", ["the part's heater is on", "no good value yet"]),
    "house/vault": ("stale", ["Sensor stale since", "last good value 48.1"]),
    "house/crypt": ("failing", ["impossible for air", "250.0 %", "is not used", "last good value 55.6"]),
    "house/spring": ("saturated", ["Sensor saturated"]),
    "tower/belfry": ("flat", ["Sensor flat since", "the value has not changed"]),
}
DEVICES = {
    "barn": ("refused", None),
    "attic/air": ("silent", ["Device silent since"]),
    "twin/air": ("duplicate name", ["Device duplicate name since", "two hosts send as this device"]),
    "loft/air": ("clock unset", ["Device clock unset", "times of its readings are guesses"]),
}

WIDE = """return [...document.querySelectorAll('.scroll, main, header, table')].filter(node => node.offsetParent &&
    node.scrollWidth > Math.max(node.clientWidth, 1) + 1).map(node => node.id || node.tagName + ' ' + node.parentElement.id)"""

CONTRAST = """const colour = (name) => { const node = document.createElement('i'); node.style.color = getComputedStyle(document.documentElement)
    .getPropertyValue(name); document.body.append(node); const rgb = getComputedStyle(node).color.match(/[0-9.]+/g).slice(0, 3).map(Number); node.remove();
    const [r, g, b] = rgb.map(c => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
    return 0.2126 * r + 0.7152 * g + 0.0722 * b; };
    const [paper, band] = [colour('--panel'), colour('--band-90')];
    return (Math.max(paper, band) + 0.05) / (Math.min(paper, band) + 0.05)"""


def summary(browser):
    return browser.run("return document.getElementById('summary').innerText.replaceAll('\\u202f', ' ')")


def picture(browser, folder, name):
    if not folder:
        return
    found = browser.call("POST", browser.session + "/element", {"using": "css selector", "value": "#summary"})
    data = browser.call("GET", browser.session + f"/element/{next(iter(found.values()))}/screenshot")
    with open(os.path.join(folder, name.replace(" ", "-") + ".png"), "wb") as file:
        file.write(base64.b64decode(data))


def look(browser, url, wanted, folder, prefix=""):
    for place, (state, words) in wanted.items():
        if "/" not in place:
            continue
        name = place.split("/")[1]
        browser.go("about:blank")
        browser.go(f"{url}/#{place}")
        browser.wait(f"{place} {state}", f"document.getElementById('name').innerText === {json.dumps(name)}"
                     f" && document.getElementById('state').innerText === {json.dumps(state)}", 60)
        for word in words:
            browser.wait(f"{place}: {word}", "document.getElementById('summary').innerText.replaceAll('\\u202f', ' ').includes("
                         + json.dumps(word) + ")", 30)
        if state in ("failing", "stale"):
            figure = browser.run("return document.querySelector('#figures dd')?.innerText")
            check(figure == "–", f"{place}: no old or impossible value is shown as the present value")
            check(browser.run("return document.getElementById('moisture').hidden || !/Dew point|Mould/.test(document.getElementById('moisture').innerText)"),
                  f"{place}: no value is derived from the old or impossible one")
        picture(browser, folder, prefix + {"house/crypt": "impossible", "house/depot": "heated"}.get(place, state))
        print("ok", prefix, place, "is", state)


class Prefix(http.server.BaseHTTPRequestHandler):
    """A proxy that serves a page below /vaho/, as a reverse proxy does."""

    target = ""

    def do_GET(self):
        if not self.path.startswith("/vaho/"):
            self.send_error(404)
            return
        with urllib.request.urlopen(self.target + self.path[len("/vaho"):], timeout=10) as answer:
            body = answer.read()
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.headers["Content-Type"])
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

    def log_message(self, *_):
        pass


def look_behind_prefix(browser, house):
    Prefix.target = house
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Prefix)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    browser.go(f"http://127.0.0.1:{server.server_address[1]}/vaho/#house/gallery")
    browser.wait("the page below a path", "document.getElementById('connection').innerText === 'live' && document.getElementById('name').innerText === 'gallery'")
    browser.wait("the chart below a path", "document.querySelectorAll('canvas').length > 0")
    check(not [error for error in browser.errors() if "favicon" not in error], "the page works below a path, without an error in the console")
    server.shutdown()


def main():
    cloud, house, barn = sys.argv[1:4]
    folder = sys.argv[4] if len(sys.argv) > 4 else None
    browser = Browser(900, 1000)
    try:
        look(browser, house, {place: case for place, case in SENSORS.items() if place.startswith("house/")}, folder)
        look(browser, cloud, {"tower/belfry": SENSORS["tower/belfry"]}, folder)
        look(browser, cloud, DEVICES, folder)
        look(browser, cloud, {place: case for place, case in SENSORS.items() if place.startswith("house/")}, None, "cloud")
        browser.go(barn + "/")
        browser.wait("the refusal on the device's own page", "/Device refused since .*401/.test(document.getElementById('summary').innerText)")
        picture(browser, folder, "refused")
        print("ok the refused device shows the refusal on its own page")
        browser.go(cloud + "/")
        browser.wait("the worst device first", "[...document.querySelectorAll('#fleet tbody .status')].map(cell => cell.innerText)[0] === 'refused'")
        counted = "document.getElementById('unwell').innerText"
        browser.wait("counts in the header", f"/1 refused/.test({counted}) && /1 silent/.test({counted}) && /1 duplicate name/.test({counted})"
                     f" && /1 clock unset/.test({counted}) && /3 failing/.test({counted}) && /1 flat/.test({counted}) && /1 saturated/.test({counted})", 60)
        print("ok the header counts", browser.run("return " + counted))
        check(not [error for error in browser.errors() if "favicon" not in error], "no error in the console")
        look_behind_prefix(browser, house)
    finally:
        browser.close()
    for dark in (False, True):
        phone = Browser(360, 740, dark, phone=True)
        try:
            kind = "dark" if dark else "light"
            check(phone.run("return matchMedia('(prefers-color-scheme: dark)').matches") == dark, f"the browser prefers {kind}")
            for url, place in ((house, "house/gallery"), (cloud, "house/crypt"), (cloud, "tower/belfry")):
                phone.go("about:blank")
                phone.go(f"{url}/#{place}")
                phone.wait("the sensor", f"document.getElementById('name').innerText === {json.dumps(place.split('/')[1])}")
                phone.run("for (const node of document.querySelectorAll('details')) node.open = true")
                time.sleep(1)
                check(phone.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth"), f"{place}: nothing is wider than a phone, {kind}")
                wide = phone.run(WIDE)
                check(not wide, f"{place}: no table is wider than the phone, {kind} {wide or ''}")
            if folder:
                phone.go("about:blank")
                phone.go(f"{house}/#house/crypt")
                phone.wait("the sensor", "document.getElementById('name').innerText === 'crypt'")
                time.sleep(1)
                phone.screenshot(os.path.join(folder, f"phone-{kind}.png"))
            ratio = phone.run(CONTRAST)
            check(ratio >= 1.4, f"the outer band stands out from the paper in {kind}: {ratio:.2f}")
        finally:
            phone.close()


if __name__ == "__main__":
    main()
