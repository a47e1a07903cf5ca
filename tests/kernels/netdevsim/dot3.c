/*
 * Statistics of IEEE 802.3 for the simulated network card: each counter is the number of its field in
 * the sFlow record ethernet_counters, so that a field in the place of another is noticed.
 */
static void dot3_mac(struct net_device *device, struct ethtool_eth_mac_stats *mac)
{
	mac->AlignmentErrors = 1;
	mac->FrameCheckSequenceErrors = 2;
	mac->SingleCollisionFrames = 3;
	mac->MultipleCollisionFrames = 4;
	mac->FramesWithDeferredXmissions = 6;
	mac->LateCollisions = 7;
	mac->FramesAbortedDueToXSColls = 8;
	mac->FramesLostDueToIntMACXmitError = 9;
	mac->CarrierSenseErrors = 10;
	mac->FrameTooLongErrors = 11;
	mac->FramesLostDueToIntMACRcvError = 12;
}

static void dot3_phy(struct net_device *device, struct ethtool_eth_phy_stats *phy)
{
	phy->SymbolErrorDuringCarrier = 13;
}

