//! The sizes and their prices, as data.

/// Slug, MB, vCPUs, GB of disk, TB of transfer, USD a month, class.
pub(super) type SizeRow = (&'static str, u64, u64, u64, f64, f64, &'static str);

const BASIC: &str = "Basic";
const AMD: &str = "Basic AMD";
const INTEL: &str = "Basic Intel";
const CPU: &str = "CPU-Optimized";
const CPU_2X: &str = "CPU-Optimized 2x SSD";
const GENERAL: &str = "General Purpose";
const GENERAL_2X: &str = "General Purpose 2x SSD";
const MEMORY: &str = "Memory-Optimized";
const STORAGE: &str = "Storage-Optimized";

pub(super) const SIZES: [SizeRow; 61] = [
    ("s-1vcpu-512mb-10gb", 512, 1, 10, 0.5, 4.0, BASIC),
    ("s-1vcpu-1gb", 1024, 1, 25, 1.0, 6.0, BASIC),
    ("s-1vcpu-1gb-amd", 1024, 1, 25, 1.0, 7.0, AMD),
    ("s-1vcpu-1gb-intel", 1024, 1, 25, 1.0, 7.0, INTEL),
    ("s-1vcpu-1gb-35gb-intel", 1024, 1, 35, 1.0, 8.0, INTEL),
    ("s-1vcpu-2gb", 2048, 1, 50, 2.0, 12.0, BASIC),
    ("s-1vcpu-2gb-amd", 2048, 1, 50, 2.0, 14.0, AMD),
    ("s-1vcpu-2gb-intel", 2048, 1, 50, 2.0, 14.0, INTEL),
    ("s-1vcpu-2gb-70gb-intel", 2048, 1, 70, 2.0, 16.0, INTEL),
    ("s-2vcpu-2gb", 2048, 2, 60, 3.0, 18.0, BASIC),
    ("s-2vcpu-2gb-amd", 2048, 2, 60, 3.0, 21.0, AMD),
    ("s-2vcpu-2gb-intel", 2048, 2, 60, 3.0, 21.0, INTEL),
    ("s-2vcpu-2gb-90gb-intel", 2048, 2, 90, 3.0, 24.0, INTEL),
    ("s-2vcpu-4gb", 4096, 2, 80, 4.0, 24.0, BASIC),
    ("s-2vcpu-4gb-amd", 4096, 2, 80, 4.0, 28.0, AMD),
    ("s-2vcpu-4gb-intel", 4096, 2, 80, 4.0, 28.0, INTEL),
    ("s-2vcpu-4gb-120gb-intel", 4096, 2, 120, 4.0, 32.0, INTEL),
    ("s-2vcpu-8gb-amd", 8192, 2, 100, 5.0, 42.0, AMD),
    ("c-2", 4096, 2, 25, 4.0, 42.0, CPU),
    ("c2-2vcpu-4gb", 4096, 2, 50, 4.0, 47.0, CPU_2X),
    ("s-2vcpu-8gb-160gb-intel", 8192, 2, 160, 5.0, 48.0, INTEL),
    ("s-4vcpu-8gb", 8192, 4, 160, 5.0, 48.0, BASIC),
    ("s-4vcpu-8gb-amd", 8192, 4, 160, 5.0, 56.0, AMD),
    ("s-4vcpu-8gb-intel", 8192, 4, 160, 5.0, 56.0, INTEL),
    ("g-2vcpu-8gb", 8192, 2, 25, 4.0, 63.0, GENERAL),
    ("s-4vcpu-8gb-240gb-intel", 8192, 4, 240, 6.0, 64.0, INTEL),
    ("gd-2vcpu-8gb", 8192, 2, 50, 4.0, 68.0, GENERAL_2X),
    ("s-4vcpu-16gb-amd", 16384, 4, 200, 8.0, 84.0, AMD),
    ("m-2vcpu-16gb", 16384, 2, 50, 4.0, 84.0, MEMORY),
    ("c-4", 8192, 4, 50, 5.0, 84.0, CPU),
    ("c2-4vcpu-8gb", 8192, 4, 100, 5.0, 94.0, CPU_2X),
    ("s-4vcpu-16gb-320gb-intel", 16384, 4, 320, 8.0, 96.0, INTEL),
    ("s-8vcpu-16gb", 16384, 8, 320, 6.0, 96.0, BASIC),
    ("s-8vcpu-16gb-amd", 16384, 8, 320, 6.0, 112.0, AMD),
    ("s-8vcpu-16gb-intel", 16384, 8, 320, 6.0, 112.0, INTEL),
    ("g-4vcpu-16gb", 16384, 4, 50, 5.0, 126.0, GENERAL),
    ("s-8vcpu-16gb-480gb-intel", 16384, 8, 480, 9.0, 128.0, INTEL),
    ("so-2vcpu-16gb", 16384, 2, 300, 4.0, 131.0, STORAGE),
    ("gd-4vcpu-16gb", 16384, 4, 100, 5.0, 136.0, GENERAL_2X),
    ("s-8vcpu-32gb-amd", 32768, 8, 400, 10.0, 168.0, AMD),
    ("m-4vcpu-32gb", 32768, 4, 100, 6.0, 168.0, MEMORY),
    ("c-8", 16384, 8, 100, 6.0, 168.0, CPU),
    ("c2-8vcpu-16gb", 16384, 8, 200, 6.0, 188.0, CPU_2X),
    (
        "s-8vcpu-32gb-640gb-intel",
        32768,
        8,
        640,
        10.0,
        192.0,
        INTEL,
    ),
    ("g-8vcpu-32gb", 32768, 8, 100, 6.0, 252.0, GENERAL),
    ("so-4vcpu-32gb", 32768, 4, 600, 6.0, 262.0, STORAGE),
    ("gd-8vcpu-32gb", 32768, 8, 200, 6.0, 272.0, GENERAL_2X),
    ("m-8vcpu-64gb", 65536, 8, 200, 7.0, 336.0, MEMORY),
    ("c-16", 32768, 16, 200, 7.0, 336.0, CPU),
    ("c2-16vcpu-32gb", 32768, 16, 400, 7.0, 376.0, CPU_2X),
    ("g-16vcpu-64gb", 65536, 16, 200, 7.0, 504.0, GENERAL),
    ("so-8vcpu-64gb", 65536, 8, 1200, 7.0, 524.0, STORAGE),
    ("gd-16vcpu-64gb", 65536, 16, 400, 7.0, 544.0, GENERAL_2X),
    ("m-16vcpu-128gb", 131_072, 16, 400, 8.0, 672.0, MEMORY),
    ("c-32", 65536, 32, 400, 9.0, 672.0, CPU),
    ("c2-32vcpu-64gb", 65536, 32, 800, 9.0, 752.0, CPU_2X),
    ("m-24vcpu-192gb", 196_608, 24, 600, 9.0, 1008.0, MEMORY),
    ("g-32vcpu-128gb", 131_072, 32, 400, 8.0, 1008.0, GENERAL),
    ("gd-32vcpu-128gb", 131_072, 32, 800, 8.0, 1088.0, GENERAL_2X),
    ("g-40vcpu-160gb", 163_840, 40, 500, 9.0, 1260.0, GENERAL),
    ("m-32vcpu-256gb", 262_144, 32, 800, 10.0, 1344.0, MEMORY),
];

/// Those with a GPU, every one of which is called so.
pub(super) const GPU_SIZES: [SizeRow; 1] = [(
    "gpu-h100x1-80gb",
    245_760,
    20,
    720,
    15.0,
    4529.3,
    "H100 GPU - 1X",
)];

/// The plans that 2018 replaced, at their prices.
pub(super) const OLD_SIZES: [SizeRow; 9] = [
    ("512mb", 512, 1, 20, 1.0, 5.0, "Legacy"),
    ("1gb", 1024, 1, 30, 2.0, 10.0, "Legacy"),
    ("2gb", 2048, 2, 40, 3.0, 20.0, "Legacy"),
    ("4gb", 4096, 2, 60, 4.0, 40.0, "Legacy"),
    ("8gb", 8192, 4, 80, 5.0, 80.0, "Legacy"),
    ("16gb", 16384, 8, 160, 6.0, 160.0, "Legacy"),
    ("32gb", 32768, 12, 320, 7.0, 320.0, "Legacy"),
    ("48gb", 49152, 16, 480, 8.0, 480.0, "Legacy"),
    ("64gb", 65536, 20, 640, 9.0, 640.0, "Legacy"),
];
