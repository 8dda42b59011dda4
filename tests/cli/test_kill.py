"""Killed at any moment and resumed at another rank count: the same results, nothing half-written."""
import os
import random
import signal
import subprocess
import time

from support import ENVIRONMENT, Folder, PARTS, command, error_line, main, run, write_rows
from test_ranks import full_job, make_rows

KILLS = 20


class Kill(Folder):
    def setUp(self):
        Folder.setUp(self)
        names, rows = make_rows(60000)
        write_rows(self.path("data.csv"), names, rows)
        subprocess.run([PARTS, "files", self.path("data.csv"), self.path("part"), "7"], check=True)

    def start(self, file, ranks, sets):
        return subprocess.Popen(command(["run", file, "--quiet"] + sets, ranks), env=ENVIRONMENT, cwd=self.folder,
                                stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                start_new_session=True)

    def kill_tree(self, process):
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        process.wait()
        # ranks have sessions of their own under mpirun: whatever still works in the folder goes too
        quiet = 0
        while quiet < 3:
            found = subprocess.run(["pkill", "-9", "-f", self.folder], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL).returncode == 0
            quiet = 0 if found else quiet + 1
            time.sleep(0.02)

    def test_random_kills(self):
        job = full_job("data.csv", "truth")
        begun = time.time()
        run(["run", self.job("job.yaml", job), "--quiet"], ranks=2)
        whole = time.time() - begun
        truth = self.result_text("truth")
        stream = random.Random(7)
        killed = 0
        sets = ["--set", "run.checkpoint_seconds=0"]
        for k in range(KILLS):
            job["output"] = {"folder": "out%d" % k}
            file = self.job("job%d.yaml" % k, job)
            for attempt in range(2):
                process = self.start(file, stream.choice((1, 2, 3)), sets)
                time.sleep(whole * stream.random())
                killed += process.poll() is None
                self.kill_tree(process)
                results = os.path.join(self.path("out%d" % k), "results.json")
                if os.path.exists(results):
                    break
            run(["run", file, "--quiet"] + sets, ranks=stream.choice((1, 2, 3, 4)))
            self.assertEqual(self.result_text("out%d" % k), truth)
            left = [n for n in os.listdir(self.path("out%d" % k)) if "tmp" in n or n.startswith("checkpoint")]
            self.assertEqual(left, [])
        self.assertGreaterEqual(killed, KILLS // 2)

    def test_signal_stops_with_a_checkpoint(self):
        """USR1 ends in 75 with a checkpoint; the next run goes on to the same results."""
        job = full_job("")
        job["data"].pop("file")
        job["data"]["files"] = "part_*.h5"
        job["output"] = {"folder": "truth"}
        run(["run", self.job("truth.yaml", job), "--quiet"])
        stopped = 0
        for k, delay in enumerate((0.0, 0.02, 0.05, 0.1, 0.2)):
            job["output"] = {"folder": "out%d" % k}
            file = self.job("job%d.yaml" % k, job)
            process = self.start(file, 1, [])
            time.sleep(0.25 + delay)
            process.send_signal(signal.SIGUSR1)
            code = process.wait(timeout=60)
            self.assertIn(code, (0, 75, -signal.SIGUSR1))
            if code == 75:
                stopped += 1
                self.assertFalse(os.path.exists(os.path.join(self.path("out%d" % k), "results.json")))
            run(["run", file, "--quiet"], ranks=2)
            self.assertEqual(self.result_text("out%d" % k), self.result_text("truth"))

    def test_second_writer_is_refused(self):
        """A live run keeps its folder: from itself, from another job, and from --fresh."""
        job = full_job("data.csv", "out")
        file = self.job("job.yaml", job)
        other = self.job("other.yaml", dict(job, data=dict(job["data"], where="x1 > 0")))
        process = self.start(file, 1, [])
        try:
            while not os.path.exists(os.path.join(self.path("out"), "lock")):
                self.assertIsNone(process.poll(), "the run ended before it could be stopped")
                time.sleep(0.0005)
            process.send_signal(signal.SIGSTOP)
            for arguments in (["run", file], ["run", other], ["run", other, "--fresh"]):
                _, stderr, _ = run(arguments + ["--quiet"], code=73)
                self.assertIn("another run is writing", error_line(stderr))
        finally:
            process.send_signal(signal.SIGCONT)
            process.wait(timeout=60)
        self.assertEqual(process.returncode, 0)
        self.assertFalse(os.path.exists(self.path("out.1")))
        first, _, _ = run(["run", file, "--quiet"])  # printed again: the folder is still the first job's
        self.assertIn("Estimates", first)


if __name__ == "__main__":
    main()
