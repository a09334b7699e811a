pub struct HostSystem {}
