"""An Airflow operator that starts a training run of vaho-cloud, waits for its end, and fails if the run fails.

    train = VahoTrainingOperator(task_id="train", url="https://vaho.example.org", token_file="/etc/vaho/operator-token")

Only the standard library is needed. Without Airflow, the file is a command:

    python3 vaho_training.py --url http://127.0.0.1:8080 --token-file operator-token
"""
import argparse
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request

try:
    from airflow.models import BaseOperator
except ImportError:  # as a command, or in a test
    class BaseOperator:
        def __init__(self, task_id="train", **_):
            self.task_id = task_id


class RunFailed(Exception):
    """The run ended as failed or cancelled."""


class VahoTrainingOperator(BaseOperator):
    template_fields = ("url",)

    def __init__(self, *, url, token_file, poll_seconds=5, timeout_seconds=3600, **options):
        super().__init__(**options)
        self.url = url.rstrip("/") + "/"
        self.token_file = token_file
        self.poll_seconds = poll_seconds
        self.timeout_seconds = timeout_seconds

    def execute(self, context=None):
        """Returns the ended run: outcome, detail, release, steps, figures, evidence."""
        deadline = time.monotonic() + self.timeout_seconds
        address = self._start()
        while True:
            run = self._request("GET", address)[1]
            if run.get("ended_at"):
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"run {run['id']} has not ended within {self.timeout_seconds} s")
            time.sleep(self.poll_seconds)
        if run["outcome"] in ("failed", "cancelled"):
            raise RunFailed(f"run {run['id']} {run['outcome']}: {run['detail']}")
        return run

    def _start(self):
        """Starts a run. If a run is in progress, waits for that one: Airflow may have lost the answer to an earlier attempt."""
        status, _, location = self._request("POST", "v1/runs")
        if status not in (202, 409) or not location:
            raise RuntimeError(f"the cloud answered with {status}")
        return location.lstrip("/")

    def _request(self, method, path):
        with open(self.token_file, encoding="utf-8") as file:
            token = file.read().strip()
        request = urllib.request.Request(
            urllib.parse.urljoin(self.url, path), method=method, headers={"Authorization": f"Bearer {token}"}
        )
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer), answer.headers.get("Location")
        except urllib.error.HTTPError as error:
            problem = json.loads(error.read() or b"{}")
            if error.code == 409:
                return error.code, problem, error.headers.get("Location")
            raise RuntimeError(f"{method} {path}: {error.code} {problem.get('detail', '')}") from None


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Start a training run of vaho-cloud and wait for its end.")
    parser.add_argument("--url", required=True)
    parser.add_argument("--token-file", required=True)
    parser.add_argument("--poll-seconds", type=float, default=5)
    options = parser.parse_args()
    try:
        ended = VahoTrainingOperator(
            url=options.url, token_file=options.token_file, poll_seconds=options.poll_seconds, task_id="train"
        ).execute()
    except (RunFailed, RuntimeError, OSError) as error:
        sys.exit(f"vaho_training: {error}")
    print(json.dumps({key: ended.get(key) for key in ("id", "outcome", "detail", "release")}))
