"""A driver for Cinder whose volumes are nowhere: whatever is asked of it, it has done at once.

Those that Cinder brings itself want a disk to cut volumes out of, and most of them root.
"""

from cinder.volume import driver


class Pretends(driver.VolumeDriver):
    def check_for_setup_error(self):
        """There is nothing that could be wrong."""

    def _update_volume_stats(self):
        self._stats = {
            "volume_backend_name": "pretends",
            "vendor_name": "none",
            "driver_version": "1.0",
            "storage_protocol": "none",
            "total_capacity_gb": "infinite",
            "free_capacity_gb": "infinite",
            "online_extend_support": True,
        }

    def create_volume(self, volume):
        pass

    def delete_volume(self, volume):
        pass

    def extend_volume(self, volume, new_size):
        pass

    def ensure_export(self, context, volume):
        pass

    def create_export(self, context, volume, connector):
        pass

    def remove_export(self, context, volume):
        pass

    def initialize_connection(self, volume, connector):
        return {"driver_volume_type": "none", "data": {}}

    def terminate_connection(self, volume, connector, **_):
        pass
