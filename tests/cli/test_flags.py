"""What the data section does to rows, and which flags are raised: each against data where the answer is known."""
import json
import random

from support import Folder, main, run, write_rows
from test_ranks import make_rows


class Flags(Folder):
    def solve(self, job, ranks=1):
        folder = "out%d" % random.randrange(10 ** 9)
        run(["run", self.job("job.yaml", dict(job, output={"folder": folder})), "--quiet"], ranks=ranks)
        return self.results(folder)

    def flags(self, job):
        return {flag["id"] for flag in self.solve(job)["estimates"][0]["flags"]}

    def job_on(self, names, rows, estimate="difference", **data):
        write_rows(self.path("data.csv"), names, rows)
        return {"data": dict({"file": "data.csv"}, **data), "question": {"treatment": "t", "outcome": "y"},
                "estimate": [estimate]}

    def same(self, a, b):
        """The same rows in, the same numbers out."""
        for x, y in zip(a["estimates"], b["estimates"]):
            for key in ("value", "se", "lower", "upper"):
                self.assertAlmostEqual(x[key], y[key], delta=1e-9 * abs(x[key]))
            self.assertEqual(x["n"], y["n"])

    def test_rows_left_out(self):
        """A filter, missing values and zero weights leave rows out exactly as if they were not there."""
        names, rows = make_rows(3000)
        estimate = {"method": "ols", "covariates": ["x1", "x2"], "se": ["HC1", "HC3"]}
        kept = [r for i, r in enumerate(rows) if float(r[3]) >= 100 and i % 7]
        plain = self.solve(self.job_on(names, kept, estimate))
        holes = [[("NA" if i % 7 == 0 and j == 2 else v) for j, v in enumerate(r)] for i, r in enumerate(rows)]
        found = self.solve(self.job_on(names, holes, estimate, where="x2 >= 100", missing="drop"), ranks=2)
        self.same(plain, found)
        self.assertEqual(found["data"]["rows_filtered"] + found["data"]["rows_missing"] + found["data"]["rows_used"], 3000)
        weighted = [r + [str(int(float(r[3]) >= 100 and i % 7 != 0))] for i, r in enumerate(rows)]
        self.same(plain, self.solve(self.job_on(names + ["keep"], weighted, estimate, weights="keep")))

    def test_categories_become_indicators(self):
        names, rows = make_rows(2000)
        labels = ["north", "east", "south", "west"]
        text = [r + [labels[i * i % 4]] for i, r in enumerate(rows)]
        numbers = [r + [int(labels[i * i % 4] == k) for k in sorted(labels)[1:]] for i, r in enumerate(rows)]
        one = self.solve(self.job_on(names + ["region"], text, {"method": "ols", "covariates": ["x1", "region"]}))
        other = self.solve(self.job_on(names + ["e", "s", "w4"], numbers,
                                       {"method": "ols", "covariates": ["x1", "e", "s", "w4"]}))
        self.same(one, other)

    def test_labelled_treatment(self):
        """A treatment of two labels is compared by its codes, and the page says which is which."""
        names, rows = make_rows(500)
        plain = self.solve(self.job_on(names, rows))
        labelled = [[("trained" if int(r[1]) else "not") if j == 1 else v for j, v in enumerate(r)] for r in rows]
        found = self.solve(self.job_on(names, labelled))
        self.same(plain, found)
        text = [f["text"] for f in found["flags"] if f["id"] == "labels"][0]
        self.assertIn("1 stands for trained and 0 for not", text)

    def test_few_clusters(self):
        names, rows = make_rows(2000)
        for i, row in enumerate(rows):
            row[5] = i % 12
        found = self.solve(self.job_on(names, rows, cluster="g"))["estimates"][0]
        self.assertEqual(found["se_kind"], "CR2")
        self.assertEqual(found["n_units"], 12)
        self.assertAlmostEqual(found["diagnostics"]["max_cluster_share"], 167 / 2000)
        self.assertIn("few-clusters", {f["id"] for f in found["flags"]})
        for i, row in enumerate(rows):
            row[5] = i % 60
        found = self.solve(self.job_on(names, rows, cluster="g"))["estimates"][0]
        self.assertEqual(found["se_kind"], "CR1")
        self.assertNotIn("few-clusters", {f["id"] for f in found["flags"]})

    def test_units_are_clusters(self):
        names, rows = make_rows(2000)
        found = self.solve(self.job_on(names, rows, unit="g"))["estimates"][0]
        self.assertEqual(found["n_units"], 60)
        self.assertIn("rows-as-independent", self.flags(self.job_on(names, rows, unit="g", cluster="none")))

    def test_nearly_collinear(self):
        names, rows = make_rows(4000)
        stream = random.Random(5)
        near = [r + [repr(float(r[2]) + 2e-6 * stream.gauss(0, 1))] for r in rows]
        estimate = {"method": "ols", "covariates": ["x1", "near"]}
        self.assertIn("ill-conditioned", self.flags(self.job_on(names + ["near"], near, estimate)))
        self.assertNotIn("ill-conditioned", self.flags(self.job_on(names, rows, {"method": "ols", "covariates": ["x1"]})))

    def test_collinear_columns_are_named(self):
        """Each is named, also where one name is part of another."""
        names, rows = make_rows(500)
        wider = [r + [repr(2 * float(r[2])), repr(float(r[2]) + 1)] for r in rows]
        for method in ("ols", "lin"):
            estimate = {"method": method, "covariates": ["x1", "x2", "copy2", "copy"]}
            found = self.solve(self.job_on(names + ["copy2", "copy"], wider, estimate))["estimates"][0]
            text = [f["text"] for f in found["flags"] if f["id"] == "collinear"][0]
            self.assertIn("copy2, copy.", text)

    def test_one_row_decides(self):
        names, rows = make_rows(400)
        rows[17][2] = "1e6"
        estimate = {"method": "ols", "covariates": ["x1"], "se": "HC3"}
        self.assertIn("high-leverage", self.flags(self.job_on(names, rows, estimate)))

    def test_small_arm(self):
        names, rows = make_rows(300)
        for i, row in enumerate(rows):
            row[1] = int(i < 8)
        self.assertIn("few-rows", self.flags(self.job_on(names, rows)))

    def test_graph_and_covariates(self):
        """By the graph x1 must be adjusted for and x2 may not be: it comes after the treatment."""
        names, rows = make_rows(1000)
        graph = {"edges": ["x1 -> t, y", "t -> x2 -> y", "t -> y"]}
        for covariates, stop in ((["x1"], False), ([], True), (["x1", "x2"], True)):
            job = dict(self.job_on(names, rows, {"method": "ols", "covariates": covariates}), graph=graph)
            self.assertEqual("invalid-adjustment" in self.flags(job), stop)
        found = self.solve(dict(self.job_on(names, rows), estimate="auto", graph=graph))
        self.assertEqual(found["identification"][0]["chosen"], ["x1"])
        self.assertEqual(found["estimates"][0]["covariates"], ["x1"])
        self.assertEqual(found["answer"]["status"], "identified")

    def test_check(self):
        names, rows = make_rows(100)
        out, _, _ = run(["check", self.job("job.yaml", self.job_on(names, rows)), "--json"])
        self.assertTrue(json.loads(out)["import_needed"])
        run(["import", self.path("data.csv"), "-o", self.path("data.h5"), "--quiet"])
        job = self.job_on(names, rows, {"method": "ols", "covariates": ["x1"]}, cluster="g")
        job["data"]["file"] = "data.h5"
        found = json.loads(run(["check", self.job("job.yaml", job), "--json"])[0])
        self.assertEqual((found["rows"], found["estimates"]), (100, ["ols"]))
        self.assertGreater(found["memory_a_rank"], 0)
        job["run"] = {"memory": "1 MiB"}
        run(["check", self.job("job.yaml", job)], code=71)
        _, stderr, _ = run(["run", self.job("job.yaml", job), "--quiet"], code=71, ranks=2)
        self.assertIn("run.memory", stderr)
        job["estimate"][0]["covariates"] = ["x3"]
        run(["check", self.job("job.yaml", job)], code=78)


if __name__ == "__main__":
    main()
