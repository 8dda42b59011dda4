"""The published and twice-computed reference numbers, through the whole program: job file in, results.json out."""
import json
import math
import os

from support import Folder, REFERENCE, main, read_rows, reference_data, run, write_rows

with open(os.path.join(REFERENCE, "estimation.json")) as file:
    CASES = {case["id"]: case for case in json.load(file)["cases"]}


def number(text):
    try:
        return float(text)
    except ValueError:
        return text


def plain(value):
    return repr(value) if isinstance(value, float) and value != int(value) else str(int(value)) \
        if isinstance(value, float) else str(value)


class Reference(Folder):
    def data(self, inputs, name):
        """Writes the case's data after its `prepare` steps; returns the path."""
        names, rows = read_rows(reference_data(inputs["data"]))
        names = [n.replace(".", "_") for n in names]
        for step in inputs.get("prepare", []):
            if "set" in step:
                columns = {n: k for k, n in enumerate(names)}
                code = compile(step["expr"], step["set"], "eval")
                values = [float(eval(code, {"__builtins__": {}}, {n: number(row[k]) for n, k in columns.items()}))
                          for row in rows]
                names = names + [step["set"]]
                rows = [row + [plain(v)] for row, v in zip(rows, values)]
            elif step["rows"] == "repeat each row 2":
                rows = [row for row in rows for _ in range(2)]
            else:
                column = names.index(step["rows"].split()[-1])
                rows = [row for row in rows for _ in range(int(float(row[column])))]
        if inputs.get("cluster") == ["row"]:
            names = names + ["row"]
            rows = [row + [str(k)] for k, row in enumerate(rows)]
        write_rows(self.path(name), names, rows)
        return self.path(name)

    def solve(self, inputs, treatment, label):
        """One run of the case with `treatment` in the treatment's place; its first entry."""
        job = {"data": {"file": self.data(inputs, label + ".csv")},
               "question": {"treatment": treatment, "outcome": inputs["outcome"]},
               "output": {"folder": "out-" + label}}
        if "weights" in inputs:
            job["data"]["weights"] = {"column": inputs["weights"], "kind": inputs.get("weight_type", "sampling")}
        if "cluster" in inputs:
            job["data"]["cluster"] = inputs["cluster"]
        if inputs["method"] == "difference_in_means":
            wanted = ["HC0", "HC1", "HC2", "HC3"] + ([] if "weights" in inputs else ["classical", "welch"])
            job["estimate"] = [{"method": "difference", "se": wanted}]
        else:
            wanted = list(dict.fromkeys(se.replace("_two_way", "") for se in inputs["se"]))
            job["estimate"] = [{"method": "ols", "se": wanted,
                                "covariates": [r for r in inputs["regressors"] if r != treatment]}]
            if "absorb" in inputs:
                job["estimate"][0]["absorb"] = inputs["absorb"]
        run(["run", self.job(label + ".yaml", job), "--quiet"])
        return self.results("out-" + label)["estimates"][0]

    def error_of(self, entry, kind):
        kind = kind.replace("_two_way", "")
        return entry["se"] if entry["se_kind"] == kind else entry["diagnostics"][kind]

    def close(self, got, want, case, what):
        tolerance = case["tolerance"]
        relative = tolerance.get("per_number", {}).get(what.split("/")[-1], tolerance["relative"])
        allowed = max(tolerance.get("absolute", 0), relative * abs(want))
        self.assertIsNotNone(got, "%s %s" % (case["id"], what))
        self.assertLessEqual(abs(got - want), allowed, "%s %s: %r is not %r" % (case["id"], what, got, want))

    def check_difference(self, case):
        want, entry = case["expected"], self.solve(case["inputs"], case["inputs"]["treatment"], case["id"])
        numbers = entry["diagnostics"]
        self.assertEqual(numbers["n_treated"], want["n1"])
        self.assertEqual(numbers["n_control"], want["n0"])
        self.close(entry["value"], want["estimate"], case, "estimate")
        self.close(numbers["mean_treated"], want["mean1"], case, "mean1")
        self.close(numbers["mean_control"], want["mean0"], case, "mean0")
        for key, kind in (("se_hc0", "HC0"), ("se_hc1", "HC1"), ("se_hc2", "HC2"), ("se_hc3", "HC3"),
                          ("se_pooled", "classical"), ("se_welch", "welch")):
            if key in want:
                self.close(self.error_of(entry, kind), want[key], case, key)
        if "df_welch" in want:
            self.close(numbers["welch_df"], want["df_welch"], case, "df_welch")

    def check_ols(self, case):
        want, inputs = case["expected"], case["inputs"]
        for treatment in inputs["report"]:
            if treatment + "_copy" in inputs["regressors"]:
                continue  # see test_a_copy_of_the_treatment_is_refused
            entry = self.solve(inputs, treatment, case["id"] + "-" + treatment)
            numbers = entry["diagnostics"]
            self.close(entry["value"], want["coef"][treatment], case, "coef/" + treatment)
            self.assertEqual(numbers["df_residual"], want["df_residual"], case["id"])
            self.close(numbers["sigma2"], want["sigma2"], case, "sigma2")
            if inputs.get("weight_type") != "frequency":
                self.assertEqual(entry["n"], want["n"])
            for kind, by_name in want["se"].items():
                self.close(self.error_of(entry, kind), by_name[treatment], case, "se/%s/%s" % (kind, treatment))
            if "rank" in want:
                self.assertEqual(numbers["rank"], want["rank"])
                self.close(numbers["rss"], want["rss"], case, "rss")
                flag = [f for f in entry["flags"] if f["id"] == "collinear"][0]
                for name in want["dropped"]:
                    self.assertIn(name, flag["text"])

    def check_identity(self, case):
        sides = case["inputs"]
        for treatment in sides["base"]["report"]:
            base = self.solve(sides["base"], treatment, case["id"] + "-base-" + treatment)
            changed = self.solve(sides["changed"], treatment, case["id"] + "-changed-" + treatment)
            for relation in case["expected"]["relations"]:
                if not relation["base_key"].endswith("/" + treatment):
                    continue
                got = []
                for entry, key in ((base, relation["base_key"]), (changed, relation["changed_key"])):
                    fields = key.split("/")
                    got.append(entry["value"] if fields[0] == "coef" else self.error_of(entry, fields[1]))
                want = got[0] * relation.get("factor", 1)
                self.assertLessEqual(abs(got[1] - want), case["tolerance"]["relative"] * abs(want),
                                     "%s %s" % (case["id"], relation["base_key"]))

    def test_undefined_errors_are_not_numbers(self):
        """Villages of one row have leverage one: HC2 and HC3 do not exist."""
        inputs = dict(CASES["OLS06"]["inputs"], se=["HC1", "HC2", "HC3"])
        entry = self.solve(inputs, "directlyharmed", "undefined")
        self.assertIsNone(entry["diagnostics"]["HC2"])
        self.assertIsNone(entry["diagnostics"]["HC3"])
        self.assertTrue(math.isfinite(entry["se"]))

    def test_arms_far_apart_are_flagged(self):
        """The largest standardised difference of a covariate, by its definition; the experiment has none."""
        covariates = ["age", "educ", "black", "re74", "re75"]
        for data, flagged in (("nsw_cps1.csv", True), ("nsw_dw.csv", False)):
            names, rows = read_rows(reference_data(data))
            largest = 0
            for name in covariates:
                arms = [[float(r[names.index(name)]) for r in rows if r[names.index("treat")] == t] for t in "01"]
                means = [sum(a) / len(a) for a in arms]
                spread = [sum((v - m) ** 2 for v in a) / len(a) for a, m in zip(arms, means)]
                largest = max(largest, abs(means[1] - means[0]) / (sum(spread) / 2) ** 0.5)
            write_rows(self.path(data), names, rows)
            job = {"data": {"file": data}, "question": {"treatment": "treat", "outcome": "re78"},
                   "estimate": [{"method": "lin", "covariates": covariates}], "output": {"folder": data + ".out"}}
            run(["run", self.job("job.yaml", job), "--quiet"])
            entry = self.results(data + ".out")["estimates"][0]
            self.assertAlmostEqual(entry["diagnostics"]["imbalance"], largest, delta=1e-9)
            self.assertEqual("extrapolation" in [f["id"] for f in entry["flags"]], flagged)

    def test_a_copy_of_the_treatment_is_refused(self):
        """Given a copy of the treatment nothing is left to compare: an error, not a coefficient."""
        self.data(CASES["OLS12"]["inputs"], "a.csv")
        job = {"data": {"file": "a.csv"}, "question": {"treatment": "age", "outcome": "re78"},
               "estimate": [{"method": "ols", "covariates": ["educ", "age_copy"]}]}
        _, stderr, _ = run(["run", self.job("job.yaml", job), "--quiet"], code=65)
        self.assertIn("age_copy", stderr)

    def test_formula_gives_the_same(self):
        """A squared covariate derived by the job equals the one in the file."""
        case = CASES["OLS05"]
        inputs = {k: v for k, v in case["inputs"].items() if k != "prepare"}
        job = {"data": {"file": self.data(inputs, "a.csv"), "columns": {"age2": {"formula": "age^2"}}},
               "question": {"treatment": "treat", "outcome": "re78"}, "output": {"folder": "out"},
               "estimate": [{"method": "ols", "covariates": [r for r in inputs["regressors"] if r != "treat"]}]}
        run(["run", self.job("job.yaml", job), "--quiet"])
        entry = self.results()["estimates"][0]
        self.close(entry["value"], case["expected"]["coef"]["treat"], case, "coef/treat")
        self.close(entry["se"], case["expected"]["se"]["HC1"]["treat"], case, "se/HC1/treat")


def add_case(case):
    check = {"difference_in_means": Reference.check_difference, "ols": Reference.check_ols,
             "identity": Reference.check_identity}[case["family"]]
    setattr(Reference, "test_" + case["id"], lambda self: check(self, case))


for one in CASES.values():
    add_case(one)

if __name__ == "__main__":
    main()
