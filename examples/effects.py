"""Draw what a Rational ANOVA Network says about diabetes: python examples/effects.py docs/images/effects.png"""

import sys

from sklearn.datasets import load_diabetes

from closedform import RANRegressor

# What the short names of the data set stand for (Efron et al. 2004, doi:10.1214/009053604000000067).
NAMES = {
    "bmi": "body mass index",
    "bp": "blood pressure",
    "s1": "total cholesterol",
    "s2": "LDL cholesterol",
    "s3": "HDL cholesterol",
    "s4": "cholesterol ratio",
    "s5": "log triglycerides",
    "s6": "blood sugar",
}

data = load_diabetes(as_frame=True, scaled=False)
X = data.data.rename(columns=NAMES).assign(sex=data.data["sex"].map({1.0: "1", 2.0: "2"}))
y = data.target.rename("progression")

model = RANRegressor(random_state=0).fit(X, y)
model.plot(X=X).figure_.savefig(sys.argv[1], dpi=100, metadata={"Software": None})
