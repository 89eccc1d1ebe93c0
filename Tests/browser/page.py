"""Drives the page in headless Chromium through chromedriver's own protocol (W3C WebDriver), without any package.

usage: page.py CLOUD-URL EDGE-URL [SCREENSHOT.png]
       page.py pages CLOUD-URL      for a cloud with 205 devices
The user of the cloud is viewer, with the password in VIEWER_PASSWORD.
"""
import base64
import json
import os
import subprocess
import sys
import time
import urllib.error
import urllib.request


class Browser:
    def __init__(self, width, height, dark=False, phone=False):
        self.driver = subprocess.Popen(["chromedriver", "--port=0"], stdout=subprocess.PIPE, text=True)
        port = None
        for line in self.driver.stdout:
            if "started successfully on port" in line:
                port = line.rsplit(" ", 1)[1].strip().rstrip(".")
                break
        self.base = f"http://127.0.0.1:{port}"
        arguments = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", f"--window-size={width},{height}"]
        if dark:
            arguments.append("--force-dark-mode")
        options = {"args": arguments}
        if phone:  # a window cannot be as narrow as a phone
            options["mobileEmulation"] = {"deviceMetrics": {"width": width, "height": height, "pixelRatio": 2}}
        answer = self.call("POST", "/session", {"capabilities": {"alwaysMatch": {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}}})
        self.session = "/session/" + answer["sessionId"]

    def call(self, method, path, body=None):
        request = urllib.request.Request(self.base + path, method=method, data=None if body is None else json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)["value"]

    def go(self, url):
        self.call("POST", self.session + "/url", {"url": url})

    def sign_in(self, url, name, password):
        """Signs in by the page's own form."""
        self.go(url + "/sign-in.html")
        self.run("document.getElementById('name').value = arguments[0]; document.getElementById('password').value = arguments[1];"
                 "document.getElementById('submit').click()", name, password)
        self.wait("the page after signing in", "!location.pathname.endsWith('sign-in.html') && document.getElementById('person')?.textContent === "
                  + json.dumps(name))

    def run(self, script, *arguments):
        return self.call("POST", self.session + "/execute/sync", {"script": script, "args": list(arguments)})

    def wait(self, what, script, seconds=60):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            value = self.run("return " + script)
            if value:
                return value
            time.sleep(0.2)
        sys.exit(f"page.py: not seen within {seconds} s: {what}\n{self.run('return document.body.innerText')}")

    def errors(self):
        log = self.call("POST", self.session + "/se/log", {"type": "browser"})
        return [entry["message"] for entry in log if entry["level"] == "SEVERE"]

    def screenshot(self, path):
        with open(path, "wb") as file:
            file.write(base64.b64decode(self.call("GET", self.session + "/screenshot")))

    def close(self):
        self.call("DELETE", self.session)
        self.driver.terminate()
        self.driver.wait()


def check(condition, what):
    if not condition:
        sys.exit(f"page.py: {what}")
    print("ok", what)


def check_pages(cloud):
    """Checks that the list of 205 devices has two pages, and that the buttons change the page."""
    browser = Browser(1280, 1230)
    try:
        browser.sign_in(cloud, "viewer", os.environ["VIEWER_PASSWORD"])
        listed = "[...document.querySelectorAll('#fleet .device')].map(e => e.textContent)"
        shown = "document.getElementById('face').textContent"
        browser.wait("the first page", f"{listed}.length === 200 && {shown}.endsWith('200 of 205 devices')")
        first = set(browser.run(f"return {listed}"))
        check(browser.run("return document.getElementById('page-back').disabled"), "the button for the previous page is disabled on the first page")
        browser.run("document.getElementById('page-next').click()")
        browser.wait("the second page", f"{listed}.length === 5 && {shown}.endsWith('5 of 205 devices')")
        second = set(browser.run(f"return {listed}"))
        check(len(first | second) == 205, "two pages list all devices")
        check(browser.run("return document.getElementById('page-next').disabled"), "the button for the next page is disabled on the last page")
        browser.run("document.getElementById('page-back').click()")
        browser.wait("the first page again", f"{listed}.length === 200")
        browser.run("document.getElementById('page-next').click()")
        browser.wait("the second page again", f"{listed}.length === 5")
        browser.run("document.getElementById('filter-text').value = 'site-'; document.getElementById('filter-text').dispatchEvent(new Event('input'))")
        browser.wait("the first page of a filter", f"{listed}.length === 200 && {listed}.every(name => name.startsWith('site-'))")
        check(browser.run("return document.getElementById('pages').hidden"), "the buttons are hidden if there is only one page")
        check(not browser.errors(), "no error in the browser's console")
    finally:
        browser.close()


def main():
    if sys.argv[1] == "pages":
        return check_pages(sys.argv[2])
    cloud, edge = sys.argv[1:3]
    picture = sys.argv[3] if len(sys.argv) > 3 else None
    browser = Browser(1280, 1230)
    try:
        browser.sign_in(cloud, "viewer", os.environ["VIEWER_PASSWORD"])
        browser.wait("four devices", "['airport','attic','bathroom','tower'].every(name => document.body.innerText.includes(name))")
        print("ok the cloud lists four devices")
        listed = "[...document.querySelectorAll('#fleet .device')].map(e => e.textContent)"
        browser.run("document.getElementById('filter-text').value = 'TOW'; document.getElementById('filter-text').dispatchEvent(new Event('input'))")
        browser.wait("the devices whose name contains a text", f"{listed}.length > 0 && {listed}.every(name => name === 'tower')")
        check(browser.run("return document.getElementById('face').textContent").endswith("1 of 5 devices"), "the header counts the fleet, too")
        browser.run("document.getElementById('filter-text').value = 'none'; document.getElementById('filter-text').dispatchEvent(new Event('input'))")
        browser.wait("a list without devices", "/No device matches/.test(document.getElementById('fleet-empty').textContent)")
        browser.run("document.getElementById('filter-text').value = ''; document.getElementById('filter-text').dispatchEvent(new Event('input'))")
        browser.wait("all devices again", f"{listed}.includes('airport') && {listed}.includes('tower')")
        print("ok devices are found by a part of their name")
        browser.go(cloud + "/#airport/air")
        # The recording is long enough for a release; the page shows the release's counter.
        browser.wait("a release in use", "/Model \\d{9,}/.test(document.getElementById('use').textContent)", 120)
        print("ok a release is in use")
        browser.go(cloud + "/#tower/air")
        browser.wait("a chart", "document.querySelectorAll('canvas').length > 0")
        painted = """(() => { for (const c of document.querySelectorAll('canvas')) { const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
            const seen = new Set(); for (let i = 0; i < d.length; i += 4) if (d[i + 3]) seen.add(d[i] >> 4 << 8 | d[i + 1] >> 4 << 4 | d[i + 2] >> 4);
            if (seen.size >= 3) return seen.size; } return 0; })()"""
        browser.wait("bands and lines on the canvas", painted)
        print("ok observations and bands are drawn")
        browser.wait("intervals, and errors beside persistence", "/80/.test(document.body.innerText) && /persistence/i.test(document.getElementById('scores').innerText)")
        print("ok intervals and persistence are named")
        browser.wait("where skill ends", "document.getElementById('about').innerText.startsWith('tower') && /skill\\s+(to |none|lasts)/i.test(document.getElementById('figures').innerText)"
                     " && /no better than|end of five days/.test(document.getElementById('figures').innerText)", 180)
        print("ok the page says where skill ends")
        before = browser.run("return document.querySelector('main').innerText")
        browser.wait("changing numbers", "document.querySelector('main').innerText !== " + json.dumps(before), 20)
        print("ok the page is live")
        # A user can choose another horizon.
        control = """const radios = [...document.querySelectorAll('input[type=radio]')].filter(r => /^(1|24|120)$|PT?(1|24|120)H/.test(r.value));
            return [radios.length, document.querySelectorAll('select').length]"""
        radios, selects = browser.run(control)
        check(radios + selects > 0, "the horizon can be chosen")
        browser.go(cloud + "/#quiet/air")
        browser.wait("holes and silence", "/sensor gave no reading/.test(document.getElementById('missed').innerText)"
                     " && /Silent since/.test(document.getElementById('missed').innerText)", 60)
        print("ok holes and silence are shown")
        moisture = "document.getElementById('moisture').innerText"
        browser.wait("dew point, air pressure and flags", f"/Dew point/i.test({moisture}) && {moisture}.includes('1001.5') && {moisture}.includes('flat')")
        print("ok dew point, air pressure and quality flags are shown")
        browser.go(cloud + "/#tower/air")
        damp = "document.getElementById('alerts').innerText.includes('damp: humidity above 1 %')"
        browser.wait("the device's alarm and mould on the cloud's page", f"{damp} && /Mould index/i.test({moisture})"
                     " && document.getElementById('fleet').innerText.includes('alarm')")
        print("ok the cloud shows mould and the alarms of a device's rules")
        for address, name in ((cloud, "cloud"), (edge, "edge")):
            browser.go(address + "/")
            browser.wait(f"the {name}'s page", "document.body.innerText.includes('air')")
            if name == "edge":
                browser.wait("wall, mould and alarm on the edge's page", f"{damp} && /At the wall/i.test({moisture}) && /grow/.test({moisture})")
                print("ok the edge shows wall, mould and its alarms")
            errors = browser.errors()
            check(not errors, f"no error in the console of the {name}'s page {errors or ''}")
        if picture:
            browser.go(cloud + "/#tower/air")
            browser.wait("a chart", painted)
            time.sleep(3)
            browser.screenshot(picture)
    finally:
        browser.close()
    phone = Browser(360, 740, phone=True)
    try:
        phone.sign_in(cloud, "viewer", os.environ["VIEWER_PASSWORD"])
        phone.go(cloud + "/#tower/air")
        phone.wait("a chart on a phone", "document.querySelectorAll('canvas').length > 0")
        check(phone.run("return document.documentElement.scrollWidth <= document.documentElement.clientWidth"), "nothing is wider than a phone")
    finally:
        phone.close()


if __name__ == "__main__":
    main()
