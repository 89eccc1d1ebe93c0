"""Drives what an admin can do in headless Chromium: changes of devices, files of loggers, training; and that the list updates by events, without polling.

usage: changes.py CLOUD-URL       after access.py, which has made the admin chief
"""
import os
import sys
import tempfile

import makers
from access import ADMIN_PASSWORD, fetched
from page import Browser, check

LISTED = "[...document.querySelectorAll('#fleet .device')].map(e => e.textContent)"


def submit(browser, form, **fields):
    """Fills and sends one of the page's small forms."""
    browser.run("""const form = document.querySelector(`form[aria-label="${arguments[0]}"]`);
        for (const [name, value] of Object.entries(arguments[1])) form.elements[name].value = value;
        form.requestSubmit()""", form, fields)


def outcome(browser, form, text, seconds=60):
    node = f"document.querySelector('form[aria-label=\"{form}\"] .outcome')"
    browser.wait(f"{form}: {text}", f"!{node}.hidden && {node}.textContent.includes({text!r})", seconds)


def check_live(browser):
    browser.wait("the list", f"{LISTED}.includes('tower')")
    # If the page polled, the requests would appear in the browser's performance entries.
    browser.run("performance.clearResourceTimings(); window.seen = new Set();"
                "window.watch = setInterval(() => { window.seen.add(document.getElementById('fleet').innerText) }, 100)")
    browser.wait("five new states of the list", "window.seen.size > 5")
    lists = "performance.getEntriesByType('resource').filter(e => /v1\\/devices\\?/.test(e.name)).length"
    states, asked = browser.run(f"clearInterval(window.watch); return [window.seen.size, {lists}]")
    check(asked <= states / 2, f"the list changes by events: {states} states, asked {asked} times")
    check(browser.run("return document.getElementById('connection').textContent") == "live", "the page says that it is live")


def check_device(browser, cloud):
    browser.go(cloud + "/#quiet/air")
    browser.wait("the changes of the device", "!document.getElementById('device-changes').hidden")
    browser.run("document.getElementById('device-changes').open = true")
    browser.wait("its name in the form", "document.querySelector('form[aria-label=Rename]').elements.name.value === 'quiet'")
    submit(browser, "Place", place="Depot 2")
    outcome(browser, "Place", "is saved")
    submit(browser, "Tags", tags="museum cellar")
    outcome(browser, "Tags", "are saved")
    submit(browser, "Tags", tags="Not valid")
    outcome(browser, "Tags", "a tag is")
    submit(browser, "Settings", lines="VAHO_CLOUD_URL=http://elsewhere.example")
    outcome(browser, "Settings", "cannot be set from the cloud")
    submit(browser, "Settings", lines="VAHO_PLACE_AIR=Shelf 7\nVAHO_SAMPLE_PERIOD_SECONDS=30")
    outcome(browser, "Settings", "after its next batch")
    submit(browser, "Rename", name="tower")
    outcome(browser, "Rename", "already exists")
    submit(browser, "Rename", name="calm")
    browser.wait("the new name in the list", f"{LISTED}.includes('calm') && !{LISTED}.includes('quiet')")
    check(browser.run("return location.hash") == "#calm/air", "the page shows the device under its new name")
    browser.run("document.getElementById('filter-text').value = 'depot'; document.getElementById('filter-text').dispatchEvent(new Event('input'))")
    browser.wait("the device found by its place", f"{LISTED}.length === 1 && {LISTED}[0] === 'calm'")
    browser.run("document.getElementById('filter-text').value = ''; document.getElementById('filter-text').dispatchEvent(new Event('input'))")
    submit(browser, "Enrolment code")
    outcome(browser, "Enrolment code", "vaho-edge enrol")
    submit(browser, "Revoke")
    outcome(browser, "Revoke", "refused from now on")
    browser.wait("the state of the device", "[...document.querySelectorAll('#fleet tr')].some(row => row.innerText.includes('calm') && row.innerText.includes('revoked'))")
    submit(browser, "Delete", confirm="tower")
    outcome(browser, "Delete", "confirm=calm")
    check(browser.run(f"return {LISTED}.includes('calm')"), "another name does not confirm a deletion")
    submit(browser, "Delete", confirm="calm")
    browser.wait("the list without the device", f"!{LISTED}.includes('calm')")
    browser.wait("another device", "!document.getElementById('detail').hidden && location.hash.length > 3 && !location.hash.includes('calm')")
    check(True, "a device is moved, tagged, renamed, revoked and deleted")


def drop(browser, path):
    chooser = browser.call("POST", browser.session + "/element", {"using": "css selector", "value": "#import-file"})
    browser.call("POST", f"{browser.session}/element/{next(iter(chooser.values()))}/value", {"text": str(path)})


def check_files(browser):
    with tempfile.TemporaryDirectory() as folder:
        for maker, path, names_zone in makers.write(folder):
            drop(browser, path)
            browser.wait(f"the file of {maker}", f"document.getElementById('import-title').textContent.includes({path.name!r})"
                         " && document.getElementById('import-rows').textContent.includes('1728 readings')")
            if not names_zone:
                check(browser.run("return document.querySelector('form[aria-label=\"Store the readings\"]').hidden"), f"{maker}: nothing is stored before the time zone is named")
                submit(browser, "How to read the file", zone=makers.ZONE)
            browser.wait(f"{maker}: a forecast, and no open question", "document.querySelector('#import > .note').hidden"
                         " && document.querySelector('#import-chart canvas') && document.querySelector('#import').innerText.includes('In 24 h')"
                         " && !document.querySelector('form[aria-label=\"Store the readings\"]').hidden")
            check(True, f"{maker}: recognised, with a forecast")
        broken = os.path.join(folder, "notes.csv")
        with open(broken, "w", encoding="utf-8") as file:
            file.write("no table\nat all\n")
        drop(browser, broken)
        browser.wait("the reason why a file is not read", "document.querySelector('#import > .note').textContent.length > 20"
                     " && document.querySelector('form[aria-label=\"Store the readings\"]').hidden")

        maker, path, _ = makers.write(folder)[0]
        drop(browser, path)
        browser.wait("a file that is clear", "!document.querySelector('form[aria-label=\"Store the readings\"]').hidden"
                     f" && document.getElementById('import-title').textContent.includes({path.name!r})")
        submit(browser, "Store the readings", device="vault", sensor="shelf")
        outcome(browser, "Store the readings", "1728 readings are stored")
        browser.wait("the new device", f"{LISTED}.includes('vault')")
        submit(browser, "Store the readings", device="vault", sensor="shelf")
        outcome(browser, "Store the readings", "1728 were stored before")
        check(True, "a file is stored in a new device, once")
        submit(browser, "Train")
        outcome(browser, "Train", "Run ")
        browser.wait("the end of the run", "document.querySelector('form[aria-label=Train] .outcome').textContent.match(/promoted|kept|rejected|inconclusive|too little|registered|no /)", 300)
        print("ok trained:", browser.run("return document.querySelector('form[aria-label=Train] .outcome').textContent"))
        if browser.run("return !document.querySelector('form[aria-label=Use]').hidden"):
            submit(browser, "Use")
            outcome(browser, "Use", "vault gets release")
            check(True, "the release is pinned to the device")


def check_viewer(browser, cloud):
    browser.sign_in(cloud, "viewer", os.environ["VIEWER_PASSWORD"])
    browser.go(cloud + "/#tower/air")
    browser.wait("the page", "!document.getElementById('detail').hidden && document.getElementById('person').textContent === 'viewer'")
    check(browser.run("return document.getElementById('device-changes').hidden"), "a viewer does not see the panel for changes")
    refused = [fetched(browser, method, path, body) for method, path, body in (
        ("POST", "/v1/devices/tower/rename", {"name": "x"}), ("PUT", "/v1/devices/tower/place", {"place": "x"}), ("DELETE", "/v1/devices/tower?confirm=tower", None),
        ("PUT", "/v1/devices/tower/tags", {"tags": []}), ("POST", "/v1/devices/tower/revoke", {}), ("POST", "/v1/enrolments", {"devices": [{"name": "x"}]}),
        ("POST", "/v1/devices/tower/files", {}), ("PUT", "/v1/devices/tower/pin", {"release": 1}))]
    check(refused == [403] * 8, f"a viewer cannot change a device {refused}")


def main():
    cloud = sys.argv[1]
    browser = Browser(1280, 1400)
    try:
        browser.sign_in(cloud, "chief", ADMIN_PASSWORD)
        check_live(browser)
        check_device(browser, cloud)
        check_files(browser)
        browser.go(cloud + "/audit.html")
        browser.wait("the audit log", "document.querySelectorAll('#entries tbody tr').length > 8")
        text = browser.run("return document.getElementById('entries').innerText")
        for entry in ("device moved", "tags changed", "device renamed", "enrolment code made", "device revoked", "device deleted", "device added", "file imported"):
            check(entry in text, f"the audit log has: {entry}")
        check_viewer(browser, cloud)
        expected = ("status of 400", "status of 401", "status of 403", "status of 404", "status of 409", "status of 422")
        errors = [line for line in browser.errors() if not any(status in line for status in expected)]
        check(not errors, f"no error in the browser's console {errors or ''}")
    finally:
        browser.close()


if __name__ == "__main__":
    main()
