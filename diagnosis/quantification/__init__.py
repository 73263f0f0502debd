from diagnosis.quantification.measuring import quantify as quantify
