"""Sensitivity to hidden causes, through the whole program, against closed forms and against regressions of its own."""
import math

from support import Folder, main, read_rows, reference_data, run, write_rows

NAMES = ["age", "farmer_dar", "herder_dar", "pastvoted", "hhsize_darfur", "female"]


def share(entry):
    t2 = (entry["value"] / entry["se"]) ** 2
    return t2 / (t2 + entry["df"])


def robustness(f):
    return (math.sqrt(f ** 4 + 4 * f ** 2) - f ** 2) / 2


class Doubt(Folder):
    def solve(self, label, treatment, outcome, covariates, se="classical", method="ols"):
        names, rows = read_rows(reference_data("darfur.csv"))
        write_rows(self.path("d.csv"), names, rows)
        estimate = {"method": method, "se": [se]}
        if method == "ols":
            estimate["covariates"] = covariates
        return self.results_of({"data": {"file": self.path("d.csv")},
                                "question": {"treatment": treatment, "outcome": outcome},
                                "estimate": [estimate], "output": {"folder": label}}, label)

    def results_of(self, job, label):
        run(["run", self.job("job.yaml", job)])
        return self.results(label)

    def test_adjusted(self):
        found = self.solve("o", "directlyharmed", "peacefactor", NAMES)
        estimate, doubt = found["estimates"][0], found["sensitivity"][0]
        df = estimate["df"]
        f = abs(estimate["value"] / estimate["se"]) / math.sqrt(df)
        self.assertEqual((doubt["id"], doubt["why"], doubt["flags"]), ("ols", None, []))
        self.assertAlmostEqual(doubt["diagnostics"]["partial_r2"], share(estimate), delta=1e-12)
        self.assertAlmostEqual(doubt["value"], robustness(f), delta=1e-12)
        self.assertGreater(doubt["value"], doubt["diagnostics"]["robustness_value_level"])
        self.assertEqual([b["covariate"] for b in doubt["benchmarks"]], NAMES)
        for name, b in list(zip(NAMES, doubt["benchmarks"]))[::5]:
            rest = [n for n in NAMES if n != name]
            rd = share(self.solve("d" + name, name, "directlyharmed", rest)["estimates"][0])
            ry = share(self.solve("y" + name, name, "peacefactor", rest + ["directlyharmed"])["estimates"][0])
            # Cinelli and Hazlett (2020), equations 51 to 58 with k = 1
            treatment = rd / (1 - rd)
            inner = rd * rd / ((1 - rd) * (1 - rd))
            eta = (1 + math.sqrt(inner)) / math.sqrt(1 - inner)
            outcome = eta * eta * ry / (1 - ry)
            bias = estimate["se"] * math.sqrt(df * outcome * treatment / (1 - treatment))
            adjusted = estimate["value"] - math.copysign(bias, estimate["value"])
            se = estimate["se"] * math.sqrt((1 - outcome) / (1 - treatment) * df / (df - 1))
            for key, value in (("r2_treatment", treatment), ("r2_outcome", outcome),
                               ("estimate", adjusted), ("t", adjusted / se)):
                self.assertAlmostEqual(b[key], value, delta=1e-9 * max(1, abs(value)), msg=name + " " + key)

    def test_difference(self):
        found = self.solve("o", "directlyharmed", "peacefactor", [], method="difference")
        doubt = found["sensitivity"][0]
        estimate = found["estimates"][0]
        self.assertAlmostEqual(doubt["value"], robustness(abs(estimate["value"] / estimate["se"]) /
                                                          math.sqrt(estimate["df"])), delta=1e-12)
        self.assertEqual(doubt["benchmarks"], [])

    def test_robust_error_is_flagged(self):
        doubt = self.solve("o", "directlyharmed", "peacefactor", NAMES, se="HC1")["sensitivity"][0]
        self.assertEqual([flag["id"] for flag in doubt["flags"]], ["heuristic-level"])

    def test_interacted_has_none(self):
        names, rows = read_rows(reference_data("darfur.csv"))
        write_rows(self.path("d.csv"), names, rows)
        found = self.results_of({"data": {"file": self.path("d.csv")},
                                 "question": {"treatment": "directlyharmed", "outcome": "peacefactor"},
                                 "estimate": [{"method": "lin", "covariates": NAMES}],
                                 "output": {"folder": "o"}}, "o")
        self.assertEqual(found["sensitivity"], [])


if __name__ == "__main__":
    main()
