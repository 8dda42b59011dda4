"""Out of memory anywhere: one line, exit code 71, nothing left behind, no rank hangs."""
import os
import subprocess

from support import ENVIRONMENT, Folder, error_line, main, run, write_rows
from test_ranks import full_job, make_rows

PROGRAM = os.environ["CAUSEWAY_ALLOC"]


class Allocation(Folder):
    def setUp(self):
        Folder.setUp(self)
        names, rows = make_rows(300)
        write_rows(self.path("data.csv"), names, rows)
        self.file = self.job("job.yaml", full_job("data.csv"))

    def sweep(self, command):
        done = subprocess.run(command, env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                              stderr=subprocess.PIPE, universal_newlines=True, timeout=600)
        self.assertEqual(done.returncode, 0, done.stderr)

    def test_every_allocation(self):
        self.sweep([PROGRAM, self.file, self.path("alone")])

    def test_every_allocation_of_one_rank(self):
        for failing in ("0", "1"):
            self.sweep(["mpirun", "-n", "2", PROGRAM, self.file, self.path("two" + failing), failing])

    def test_the_line(self):
        for k in (1, 20, 200):
            _, stderr, _ = run(["run", self.file, "--quiet"], code=71, environment={"CAUSEWAY_FAIL_ALLOCATION": str(k)})
            self.assertIn("allocate", error_line(stderr))


if __name__ == "__main__":
    main()
