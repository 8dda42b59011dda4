"""What the command-line tests share: running the program, jobs in temporary folders, comparing results."""
import csv
import gzip
import json
import os
import subprocess
import sys
import tempfile
import unittest

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PROGRAM = os.environ.get("CAUSEWAY", os.path.join(ROOT, "build", "release", "causeway"))
PARTS = os.environ.get("CAUSEWAY_PARTS", os.path.join(ROOT, "build", "release", "tests", "make_parts"))
REFERENCE = os.path.join(ROOT, "tests", "reference")
ENVIRONMENT = dict(os.environ, OMPI_ALLOW_RUN_AS_ROOT="1", OMPI_ALLOW_RUN_AS_ROOT_CONFIRM="1",
                   OMPI_MCA_rmaps_base_oversubscribe="1", OMPI_MCA_btl_vader_single_copy_mechanism="none",
                   OMPI_MCA_fbtl_posix_read_datasieving="0")
TIMEOUT = 120


def command(arguments, ranks=1):
    if ranks == 1:
        return [PROGRAM] + arguments
    return ["mpirun", "-n", str(ranks), PROGRAM] + arguments


def run(arguments, ranks=1, code=0, environment=None, timeout=TIMEOUT):
    """Runs the program; fails the test unless it leaves with `code` (None: any). Returns (stdout, stderr, code)."""
    done = subprocess.run(command(arguments, ranks), env=dict(ENVIRONMENT, **(environment or {})), timeout=timeout,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL,
                          universal_newlines=True)
    if code is not None and done.returncode != code:
        raise AssertionError("%s left with %d instead of %d\n%s%s" %
                             (" ".join(arguments), done.returncode, code, done.stdout, done.stderr))
    return done.stdout, done.stderr, done.returncode


def error_line(stderr):
    """The one line that the program (not the launcher) says."""
    lines = [line for line in stderr.splitlines() if line.startswith("causeway: ")]
    if len(lines) != 1:
        raise AssertionError("expected one line, got:\n" + stderr)
    return lines[0]


class Folder(unittest.TestCase):
    """A test case with a temporary folder of its own."""

    def setUp(self):
        self.holder = tempfile.TemporaryDirectory(prefix="causeway-test-")
        self.folder = self.holder.name

    def tearDown(self):
        self.holder.cleanup()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w", newline="") as file:
            file.write(text)
        return self.path(name)

    def job(self, name, job):
        """Writes a job given as a dictionary (JSON is YAML)."""
        return self.write(name, json.dumps(job, indent=1))

    def results(self, folder="out", timed=False):
        with open(os.path.join(self.path(folder), "results.json")) as file:
            found = json.load(file)
        if not timed:
            found.pop("timing")
            found.pop("provenance")
        return found

    def result_text(self, folder="out"):
        """results.json without timing and provenance, which stand last: for comparing bytes."""
        with open(os.path.join(self.path(folder), "results.json")) as file:
            text = file.read()
        return text[:text.index('\n  "timing"')]


def open_text(file):
    return gzip.open(file, "rt", newline="") if file.endswith(".gz") else open(file, newline="")


def read_rows(file):
    """(names, rows of strings) of a CSV or CSV.gz file."""
    with open_text(file) as text:
        rows = list(csv.reader(text))
    return rows[0], rows[1:]


def write_rows(file, names, rows):
    with open(file, "w", newline="") as text:
        writer = csv.writer(text, lineterminator="\n")
        writer.writerow(names)
        writer.writerows(rows)


def reference_data(name):
    return os.path.join(REFERENCE, os.path.basename(name) + ".gz")


def main():
    unittest.main(argv=[sys.argv[0], "-v"] + sys.argv[1:])
