# SPDX-License-Identifier: Apache-2.0
"""How the documentation is built: Sphinx reads this file.

The samples it shows are made from the code's own options and rules.
"""

project = "kwapi-climate"
root_doc = "index"
extensions = [
    "oslo_config.sphinxconfiggen",
    "oslo_policy.sphinxpolicygen",
    "oslo_policy.sphinxext",
]
config_generator_config_file = [
    ("../../etc/kwapi/config-generator.conf", "_static/kwapi"),
    ("../../etc/climate/config-generator.conf", "_static/climate"),
]
policy_generator_config_file = [
    ("../../etc/kwapi/policy-generator.conf", "_static/kwapi"),
    ("../../etc/climate/policy-generator.conf", "_static/climate"),
]

# Sphinx's own theme: it builds in any tree, without network and without git.
html_theme = "alabaster"
html_theme_options = {
    "description": "Energy for OpenStack",
    "fixed_sidebar": True,
    "page_width": "1100px",
}
html_static_path = ["_static"]
html_show_sourcelink = False
