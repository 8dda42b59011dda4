"""The same bits whatever the ranks, the kernels, the files' layout."""
import os
import random
import subprocess

from support import ENVIRONMENT, Folder, PARTS, PROGRAM, main, run, write_rows

RANKS = (1, 2, 3, 4, 7)


def normal(stream):
    return stream.gauss(0, 1)


def make_rows(n, seed=1):
    """Two covariates, a treatment that depends on them, clusters, weights, a factor."""
    stream = random.Random(seed)
    names = ["y", "t", "x1", "x2", "w", "g", "f"]
    rows = []
    for i in range(n):
        x1, x2 = normal(stream), stream.random() * 1e3
        t = 1 if normal(stream) + x1 > 0 else 0
        y = 3 + 2 * t + x1 - x2 / 500 + 0.5 * t * x1 + normal(stream)
        rows.append([repr(y), t, repr(x1), repr(x2), repr(0.5 + stream.random()), int(stream.random() * 60),
                     int(stream.random() * 25)])
    return names, rows


def full_job(file, folder="out"):
    return {"data": {"file": file, "weights": "w", "cluster": "g"},
            "question": {"treatment": "t", "outcome": "y", "effects": ["ate", "att"]},
            "graph": {"edges": ["x1, x2 -> t, y", "t -> y"]},
            "estimate": ["lin", {"method": "ols", "se": ["CR1", "CR0", "HC1", "HC3"]}, "difference",
                         {"id": "within", "method": "ols", "absorb": ["f", "g"], "covariates": ["x1"], "se": ["CR0"]}],
            "output": {"folder": folder}}


class Ranks(Folder):
    def outputs(self, job, ranks=RANKS, environment=None):
        texts = set()
        for r in ranks:
            folder = "out-%d-%d" % (r, len(os.listdir(self.folder)))
            file = self.job("job.yaml", dict(job, output={"folder": folder}))
            run(["run", file, "--quiet"], ranks=r, environment=environment)
            texts.add(self.result_text(folder))
        return texts

    def test_every_rank_count(self):
        names, rows = make_rows(30011)
        write_rows(self.path("data.csv"), names, rows)
        self.assertEqual(len(self.outputs(full_job("data.csv"))), 1)

    def test_few_rows(self):
        """Fewer rows than ranks, and ranks without any."""
        for n in (5, 6, 40):
            names, rows = make_rows(n, seed=n)
            for i, row in enumerate(rows):
                row[1] = i % 2
            write_rows(self.path("data.csv"), names, rows)
            job = {"data": {"file": "data.csv"}, "question": {"treatment": "t", "outcome": "y"}}
            self.assertEqual(len(self.outputs(job)), 1)

    def test_every_kernel(self):
        """With FMA and AVX masked, by the kernels' own switch and by glibc's."""
        names, rows = make_rows(20000)
        write_rows(self.path("data.csv"), names, rows)
        texts = set()
        for environment in ({}, {"CAUSEWAY_KERNELS": "plain"}, {"CAUSEWAY_KERNELS": "avx2"},
                            {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-FMA_Usable,-AVX2_Usable,-AVX_Usable,-AVX512F_Usable,"
                                               "-FMA,-AVX2,-AVX,-AVX512F"}):
            texts |= self.outputs(full_job("data.csv"), ranks=(1,), environment=environment)
        self.assertEqual(len(texts), 1)

    def test_every_layout(self):
        """One table, forty files, forty groups, a compound, a matrix: the same numbers, and the same digest of the data."""
        names, rows = make_rows(20011)
        write_rows(self.path("data.csv"), names, rows)
        for layout, target, count in (("groups", "groups.h5", 40), ("files", "part", 40), ("compound", "compound.h5", 1),
                                      ("matrix", "matrix.h5", 1), ("files", "whole", 1)):
            subprocess.run([PARTS, layout, self.path("data.csv"), self.path(target), str(count)], check=True)
        found = set()
        for data, ranks in (({"file": "data.csv"}, 2), ({"file": "groups.h5", "path": "/member_*/series"}, 3),
                            ({"files": "part_*.h5"}, 1), ({"files": "part_*.h5"}, 4), ({"file": "compound.h5"}, 2),
                            ({"file": "matrix.h5"}, 1), ({"file": "whole_000.h5"}, 3)):
            job = full_job("")
            job["data"] = dict(job["data"], **data)
            if "files" in data:
                del job["data"]["file"]
            folder = "out%d" % len(os.listdir(self.folder))
            job["output"] = {"folder": folder}
            run(["run", self.job("job.yaml", job), "--quiet"], ranks=ranks)
            results = self.results(folder)
            results.pop("job")
            results["data"].pop("parts")
            found.add(repr(results))
        self.assertEqual(len(found), 1)

    def test_permuted_rows_agree(self):
        """Another order of rows is another order of sums: equal to rounding, exactly equal in counts."""
        names, rows = make_rows(9000)
        texts = []
        for k in range(2):
            write_rows(self.path("data.csv"), names, rows)
            run(["run", self.job("job.yaml", full_job("data.csv", "out%d" % k)), "--quiet"])
            texts.append(self.results("out%d" % k)["estimates"])
            rows = rows[::-1]
        for a, b in zip(*texts):
            self.assertAlmostEqual(a["value"], b["value"], delta=1e-10)
            self.assertAlmostEqual(a["se"], b["se"], delta=1e-10)
            self.assertEqual(a["n"], b["n"])


if __name__ == "__main__":
    main()
