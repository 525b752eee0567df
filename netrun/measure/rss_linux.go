package measure

// PeakRSS is the most memory of the process that was resident at once since it
// started, in bytes; 0 if the system does not say.
func PeakRSS() int64 { return procStatus("VmHWM") }
