"""What a camera shows, by OpenVINO, which here reports its use to nobody.

OpenVINO (when it is imported) and NNCF send events to their maker through `openvino_telemetry`, and
leave an id in the user's home, unless that is switched off for each user. Both do without where
that package is not to be had: so it is not, for whatever is imported after this.
"""

import sys

sys.modules["openvino_telemetry"] = None  # type: ignore[assignment] # as "The import system" says
