"""astropy's own tests of the function, run against ndfit with engine="auto"."""

import pytest
from tests.upstream.astropy_suite import load

pytestmark = pytest.mark.filterwarnings("ignore::ndfit.errors.FitWarning")

globals().update(load("auto"))
