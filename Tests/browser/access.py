"""Drives signing in and out in headless Chromium: the first admin, roles, attacks on the form, the audit log.

usage: access.py CLOUD-URL SETUP-LINK
"""
import json
import os
import sys

from page import Browser, check

ADMIN_PASSWORD = "nine slow brown herons"


def fill(browser, **fields):
    for name, value in fields.items():
        browser.run("document.getElementById(arguments[0]).value = arguments[1]", name, value)
    browser.run("document.getElementById('submit').click()")


def fetched(browser, method, path, body=None):
    """The status of a request that a script of the page itself sends."""
    script = """const [method, path, body, done] = arguments;
        fetch(path, { method, ...(body && { headers: { "Content-Type": "application/json" }, body }) }).then((answer) => done(answer.status), () => done(0));"""
    return browser.call("POST", browser.session + "/execute/async", {"script": script, "args": [method, path, body and json.dumps(body)]})


def cookies(browser):
    return {cookie["name"]: cookie for cookie in browser.call("GET", browser.session + "/cookie")}


def main():
    cloud, link = sys.argv[1:3]
    browser = Browser(1280, 1000)
    problem = "document.getElementById('problem').textContent"
    try:
        browser.go(cloud + "/#tower/air")
        browser.wait("the page for signing in", "location.pathname.endsWith('/sign-in.html')")
        check(not browser.run("return document.body.innerText.includes('airport')"), "nothing is shown before signing in")
        check(fetched(browser, "GET", "/v1/devices") == 401 and fetched(browser, "GET", "/metrics") == 401, "nothing is readable before signing in")
        fill(browser, name="viewer", password="guessed wrong 12")
        browser.wait("the refusal of a wrong password", f"{problem}.includes('name or the password is wrong')")
        fill(browser, name="nobody-here", password="guessed wrong 12")
        browser.wait("the same refusal for an unknown name", f"{problem}.includes('name or the password is wrong')")
        check(not cookies(browser), "a refused attempt sets no cookie")

        # A cookie that an attacker has set does not become a session.
        browser.call("POST", browser.session + "/cookie", {"cookie": {"name": "vaho_session", "value": "vaho_fixed", "path": "/", "httpOnly": True}})
        fill(browser, name="viewer", password=os.environ["VIEWER_PASSWORD"])
        browser.wait("the page of a viewer", "document.getElementById('person')?.textContent === 'viewer'")
        check(browser.run("return location.hash") == "#tower/air", "signing in leads back to what was to be shown")
        session = cookies(browser)["vaho_session"]
        check(session["value"] != "vaho_fixed" and session["httpOnly"] and session["sameSite"] == "Lax", "the session is new, and no script can read it")
        check(browser.run("return document.cookie") == "", "scripts see no cookie")
        check(browser.run("return document.getElementById('audit').hidden"), "a viewer is not offered the audit log")
        refused = [fetched(browser, method, path, body) for method, path, body in (
            ("GET", "/v1/audit", None), ("POST", "/v1/runs", {}), ("PUT", "/v1/release-stop", {}), ("POST", "/v1/tokens", {"name": "mine", "role": "admin"}),
            ("POST", "/v1/users", {"name": "me", "role": "admin", "password": ADMIN_PASSWORD}))]
        check(refused == [403] * 5, f"a viewer cannot change anything {refused}")
        browser.run("document.getElementById('sign-out').click()")
        browser.wait("the page for signing in again", "location.pathname.endsWith('/sign-in.html')")
        check(not cookies(browser) and fetched(browser, "GET", "/v1/devices") == 401, "signing out ends the session")

        browser.go(link)
        browser.wait("the form for the first admin", "document.getElementById('title').textContent === 'Make the first admin'")
        fill(browser, name="chief", password=ADMIN_PASSWORD, again="another one here")
        browser.wait("two different passwords", f"{problem}.includes('differ')")
        fill(browser, name="chief", password=ADMIN_PASSWORD, again=ADMIN_PASSWORD)
        browser.wait("the page of the admin", "document.getElementById('person')?.textContent === 'chief'")
        check(fetched(browser, "POST", "/v1/setup", {"code": link.split("setup=")[1], "name": "second", "password": ADMIN_PASSWORD}) == 403,
              "the link works once")
        check(fetched(browser, "PUT", "/v1/release-stop", {"reason": "trial"}) == 200 and fetched(browser, "DELETE", "/v1/release-stop") == 200,
              "an admin may change things")
        browser.run("document.getElementById('audit').click()")
        browser.wait("the audit log", "document.querySelectorAll('#entries tbody tr').length >= 5")
        text = browser.run("return document.getElementById('entries').innerText")
        for entry in ("user added", "signed in", "signed out", "emergency stop on", "emergency stop off"):
            check(entry in text, f"the audit log has: {entry}")
        browser.run("document.getElementById('filter-text').value = 'emergency'; document.getElementById('filter-text').dispatchEvent(new Event('input'))")
        browser.wait("a filtered audit log", "[...document.querySelectorAll('#entries tbody tr')].every(row => row.innerText.includes('emergency'))"
                     " && document.querySelectorAll('#entries tbody tr').length === 2")
        refusals = [line for line in browser.errors() if "status of 401" not in line and "status of 403" not in line]
        check(not refusals, f"no error in the browser's console {refusals or ''}")
    finally:
        browser.close()


if __name__ == "__main__":
    main()
