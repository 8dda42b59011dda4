"""Bad input gets one line (what, where, how to mend it) and the design's exit code, at any number of ranks."""
import gzip
import os
import random
import subprocess

from support import Folder, PARTS, error_line, main, run, write_rows
from test_ranks import make_rows

CSV = "y,t,x\n1.5,0,3\n2.5,1,4\n1.0,0,5\n3.5,1,7\n2.0,0,8\n4.5,1,6\n"


class Errors(Folder):
    def expect(self, job, code, *words, ranks=1, arguments=(), environment=None):
        file = job if isinstance(job, str) else self.job("job.yaml", job)
        _, stderr, _ = run(["run", file, "--quiet"] + list(arguments), ranks=ranks, code=code, environment=environment)
        line = error_line(stderr)
        for word in words:
            self.assertIn(word, line)
        folder = self.path("out")
        if os.path.isdir(folder):
            self.assertFalse(os.path.exists(os.path.join(folder, "results.json")))
        return line

    def basic(self, **data):
        return {"data": dict({"file": "data.csv"}, **data), "question": {"treatment": "t", "outcome": "y"},
                "output": {"folder": "out"}}

    def test_usage(self):
        for arguments, word in ((["fly"], "fly"), (["run"], "job"), (["run", "--colour", "x"], "--colour"),
                                (["plan", "x"], "not available"), ([], "command")):
            _, stderr, _ = run(arguments, code=64)
            self.assertIn(word, error_line(stderr))
        _, stderr, _ = run(["fly"], code=64, ranks=3)
        error_line(stderr)
        out, _, _ = run(["--help"])
        self.assertIn("usage", out)
        out, _, _ = run(["--version"])
        for word in ("compiler", "mpi", "hdf5", "blas", "kernels"):
            self.assertIn(word, out)

    def test_jobs(self):
        self.write("data.csv", CSV)
        self.expect("missing.yaml", 66, "missing.yaml")
        job = self.basic()
        job["question"]["treatmnt"] = job["question"].pop("treatment")
        self.expect(job, 78, "treatmnt", "treatment")
        self.expect(dict(self.basic(), bounds="auto"), 78, "bounds", "not available")
        job = self.basic()
        job["question"]["outcome"] = "yy"
        self.expect(job, 78, "yy", "did you mean y")
        self.write("data.csv", "y,t,s\n1,0,a\n2,1,b\n3,0,c\n4,1,a\n")
        self.expect(self.basic(where="s == 1"), 78, "data.where", "categories")
        self.write("data.csv", CSV)
        job = self.basic(where="x >")
        self.expect(job, 78, "data.where")
        job = dict(self.basic(), graph={"edges": ["x -> t", "t -> y", "y -> x"]})
        self.expect(job, 78, "cycle", "x -> t -> y -> x")
        job = dict(self.basic(), graph={"edges": ["x -> y"]})
        self.expect(job, 78, "no node t")
        self.expect(self.write("bad.yaml", "data: [\n"), 78, "bad.yaml")
        self.expect(self.write("bad.yaml", "data: {file: a}\ndata: {file: b}\n"), 78, "bad.yaml:2")

    def test_data(self):
        self.expect(self.basic(file="none.csv"), 66, "none.csv")
        self.write("data.csv", CSV + "1.0,0\n")
        self.expect(self.basic(), 65, "data.csv", "8")
        self.write("data.csv", CSV + '"1.0,0,2\n')
        self.expect(self.basic(), 65, "data.csv")
        self.write("data.csv", CSV + "NA,0,2\n")
        self.expect(self.basic(), 65, "missing", "row 7", "drop")
        self.write("data.csv", CSV + "1.0,2,2\n")
        self.expect(dict(self.basic(), estimate="difference"), 65, "0 and 1", "contrast")
        self.write("data.csv", CSV.replace(",0,", ",1,"))
        self.expect(self.basic(), 65)
        self.write("data.csv", CSV)
        self.expect(self.basic(columns={"y": {"range": [0, 4]}}), 65, "y")
        self.expect(self.basic(where="x > 100"), 65, "no row")
        self.write("data.csv", "")
        self.expect(self.basic(), 65, "data.csv")

    def test_foreign_files(self):
        stream = random.Random(3)
        for name, head in (("a.parquet", b"PAR1"), ("a.dta", b"<stata_dta>"), ("a.xlsx", b"PK\x03\x04"),
                           ("a.npy", b"\x93NUMPY"), ("a.feather", b"ARROW1")):
            with open(self.path(name), "wb") as file:
                file.write(head + bytes(stream.randrange(256) for _ in range(5000)))
            self.expect(self.basic(file=name), 65, name)
        with open(self.path("zero.h5"), "wb") as file:
            file.write(b"\x89HDF\r\n\x1a\n" + bytes(2000))
        self.expect(self.basic(file="zero.h5"), 65, "zero.h5")
        with open(self.path("cut.csv.gz"), "wb") as file:
            file.write(gzip.compress(CSV.encode() * 100)[:-20])
        self.expect(self.basic(file="cut.csv.gz"), 65, "cut.csv.gz")

    def test_truncated_tables(self):
        names, rows = make_rows(3000)
        write_rows(self.path("data.csv"), names, rows)
        subprocess.run([PARTS, "files", self.path("data.csv"), self.path("part"), "3"], check=True)
        with open(self.path("part_001.h5"), "rb") as file:
            whole = file.read()
        job = self.basic()
        job["data"] = {"files": "part_*.h5"}
        for share in (0.05, 0.5, 0.95):
            with open(self.path("part_001.h5"), "wb") as file:
                file.write(whole[:int(len(whole) * share)])
            _, stderr, code = run(["run", self.job("job.yaml", job), "--quiet"], ranks=2, code=None)
            self.assertIn(code, (65, 74))
            self.assertIn("part_001.h5", error_line(stderr))

    def test_disagreeing_parts(self):
        names, rows = make_rows(300)
        for k, drop in ((0, None), (1, 3)):
            keep = [j for j in range(len(names)) if j != drop]
            write_rows(self.path("d.csv"), [names[j] for j in keep], [[r[j] for j in keep] for r in rows])
            subprocess.run([PARTS, "files", self.path("d.csv"), self.path("p%d" % k), "1"], check=True)
        job = self.basic()
        job["data"] = {"files": "p*.h5"}
        self.expect(job, 65, "p0_000.h5", "p1_000.h5", ranks=3)

    def test_errors_at_many_ranks(self):
        """A fault that only one rank meets ends all of them with the same line."""
        names, rows = make_rows(40000)
        rows[33333][0] = "-5e9"
        write_rows(self.path("data.csv"), names, rows)
        job = self.basic(columns={"y": {"range": [-1000, 1000]}})
        for ranks in (1, 2, 4):
            self.expect(job, 65, "y", "33334", ranks=ranks)

    def test_output_folders(self):
        self.write("data.csv", CSV)
        job = self.basic()
        file = self.job("job.yaml", job)
        first, _, _ = run(["run", file, "--quiet"])
        again, _, _ = run(["run", file, "--quiet"], ranks=2)
        self.assertEqual(first, again)
        job["data"]["where"] = "x > 3"
        _, stderr, _ = run(["run", self.job("job.yaml", job), "--quiet"], code=73)
        self.assertIn("data.where", error_line(stderr))
        with open(self.path("data.csv"), "a") as data:
            data.write("9,1,9\n")
        _, stderr, _ = run(["run", file, "--quiet"], code=73)
        self.assertIn("data", error_line(stderr))
        run(["run", file, "--quiet", "--fresh"])
        self.assertTrue(os.path.isdir(self.path("out.1")))
        os.remove(self.path("data.csv"))
        again, _, _ = run(["run", file, "--quiet"], ranks=2)
        self.assertIn("Estimates", again)
        self.assertEqual(os.stat(self.path("out")).st_mode & 0o777, 0o700)

    def test_unwritable_output(self):
        self.write("data.csv", CSV)
        self.write("out", "a file is in the way")
        self.expect(self.basic(), 73, "out")

    def test_not_identified_is_an_answer(self):
        self.write("data.csv", CSV)
        job = dict(self.basic(), graph={"edges": ["t -> y", "t <-> y"]})
        file = self.job("job.yaml", job)
        out, _, _ = run(["run", file, "--quiet"])
        self.assertIn("t <-> y", out)
        found = self.results()
        self.assertEqual(found["answer"]["status"], "not-identified")
        run(["run", file, "--quiet", "--fresh", "--strict"], code=3)


if __name__ == "__main__":
    main()
