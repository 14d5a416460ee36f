# SPDX-License-Identifier: Apache-2.0
"""A process that says "ready" and then answers requests, one line each."""

import subprocess
import tempfile


class Contender:
    """`problem` says why it is not there."""

    def __init__(self, name, command):
        self.name, self.errors = name, tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen([str(c) for c in command], text=True, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=self.errors)
        self.problem = None if self.process.stdout.readline() == "ready\n" else self.last_error()

    def last_error(self):
        self.errors.seek(0)
        lines = [line.strip() for line in self.errors if line.strip()]
        return lines[-1] if lines else "no answer"

    def ask(self, request):
        self.process.stdin.write(request + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.name}: '{request}': {self.last_error()}")
        return answer.strip()

    def stop(self):
        self.process.stdin.close()
        self.process.wait()
